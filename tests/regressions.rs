//! The faults that other FTP servers have, or had, each with the test that keeps this one from
//! having them. A test below checks that all of these tests exist.
//!
//! What was measured at the edges of the protocol:
//!
//! | fault | test |
//! |---|---|
//! | a stranger who is first at the passive port gets the file, or ends the transfer | `abuse::a_stranger_on_the_passive_port_is_dropped_and_the_client_gets_its_file` |
//! | ABOR waits until the client reads | `cut_transfers::abor_is_obeyed_at_once_although_nothing_is_read` |
//! | ABOR is obeyed only as urgent data, or never | `cut_transfers::abor_as_urgent_data_is_obeyed` |
//! | ABOR leaves a session that cannot transfer | `regressions::aborted_again_and_again_a_session_still_transfers` |
//! | a download that is aborted looks like an empty file | `regressions::a_download_that_is_aborted_before_its_first_byte_is_reset` |
//! | ABOR with nothing to abort is an error | `abor.txt` |
//! | NOOP is answered before the 226 of the transfer in front of it | `cut_transfers::stat_is_answered_during_a_transfer_and_noop_behind_it` |
//! | QUIT cuts the transfer | `cut_transfers::quit_during_a_transfer_lets_it_end_first` `cut_transfers::who_has_said_quit_may_half_close_before_the_upload_is_over` |
//! | an upload that ends in a reset is 226 | `cut_transfers::an_upload_that_is_reset_leaves_the_old_file` |
//! | a lost control connection leaves half a file | `cut_transfers::a_session_that_is_reset_takes_its_upload_with_it` |
//! | half an upload can be seen | `cut_transfers::an_upload_appears_only_when_it_is_complete` |
//! | a name that STOU has told is another's file by then, and that is lost | `durability::a_name_that_stou_has_told_is_not_taken_from_who_has_it_by_then` |
//! | a download that could not be read is 226 | `simulation::every_interleaving_keeps_the_promises` |
//! | a download that came out short is 226 | `regressions::a_file_that_shrinks_is_no_226` |
//! | a recursive listing that leaves something out is 226 | `regressions::a_listing_that_leaves_something_out_is_no_226` |
//! | 226 comes before the end of the data | `regressions::the_data_has_ended_when_226_comes` |
//! | REST beyond the end is an empty success; garbage is 0; too large a number wraps | `rest.txt` `rest_syntax.txt` |
//! | LIST of what is not there is an empty success, or a 150 and then an error | `list.txt` `list_paths.txt` `nlst_paths.txt` |
//! | RETR of what is not there is a 150 and then an error | `retr.txt` |
//! | RETR without a data connection hangs | `retr.txt` |
//! | an endless line is kept in memory, or answered without end | `abuse::a_line_without_an_end_costs_nothing_and_is_one_error` `abuse::over_long_lines_again_and_again_end_the_session` |
//! | known and unknown names are told apart; a wrong password delays others | `user_named.txt` `abuse::wrong_passwords_end_the_session_and_delay_nobody_else` |
//!
//! What users complained about:
//!
//! | fault | test |
//! |---|---|
//! | PASV tells a private address | `options::a_client_on_this_side_is_not_told_the_address_of_the_router` |
//! | passive ports leave their range when it is used up | `command_line::passive_ports_stay_in_their_range` |
//! | descriptors and memory leak | `abuse::two_thousand_sessions_leave_nothing_behind` |
//! | the idle clock ends a session during a transfer | `session::the_idle_clock_stands_still_during_a_transfer` |
//! | a data connection that never comes hangs the session | `session::the_data_connection_has_its_time` |
//! | names that are not UTF-8 cannot be fetched | `file_names.txt` `properties::every_listing_names_the_same` |
//! | passive ports are kept by who does not connect to them | `limits::passive_ports_that_nobody_connects_to_come_back` |
//! | LIST cannot show local time | `options::list_shows_dates_in_the_time_zone` |
//! | a large directory is held in memory | `transfer::large_directory_is_complete` |
//! | sizes and offsets wrap at 2 or 4 GiB | `regressions::sizes_and_offsets_beyond_four_gib` |
//! | `LIST -la`, lower case, NLST of a file, a pattern: not understood | `list_paths.txt` `nlst_paths.txt` `explorer.txt` |
//! | players seek: ABOR, REST, RETR in quick turn | `regressions::a_player_seeks` |
//! | ALLO says yes to what does not fit | `allo_too_large.txt` |
//! | times cannot be set, or in one of the three ways only | `mfmt.txt` `mdtm_sets.txt` `site.txt` |
//! | nobody is told why the connection is closed | `session::who_is_idle_is_told_for_how_long` `session::who_does_not_log_in_is_told_how_long_there_was` |
//! | sockets and devices are listed as pipes | `storage::each_type_of_file_is_a_kind` `protocol::types_and_permissions` |
//! | a name with a bracket or a star in it cannot be listed | `list_literal.txt` |
//! | devices that know PORT and STOR only are left out | `device.txt` |
//! | SITE UMASK gives what the account's mask takes away | `site_umask_not_allowed.txt` |
//!
//! What was seen in their sources:
//!
//! | fault | test |
//! |---|---|
//! | a parse error ends the session | `unknown_commands.txt` |
//! | of a segment all but the first command is dropped, or answered out of order | `pipelining.txt` `properties::a_script_gets_the_same_replies_however_it_is_cut` |
//! | MLST starts from the root, not from the working directory | `mlst.txt` |
//! | PORT to any address and port is accepted | `port.txt` `eprt.txt` `abuse::port_to_another_host_is_refused_before_anything_is_sent_there` |
//! | PASV is served before the login | `pasv_before_login.txt` |
//! | `TYPE A N` is refused; TYPE, STRU, MODE take anything; TYPE E has two answers | `type.txt` `stru.txt` `mode.txt` `type_e.txt` |
//! | NUL in a name ends the server | `hostile_names.txt` |
//! | EPSV ALL is answered by a port, or leaves PASV open | `epsv_all.txt` |
//! | a line of FEAT is malformed; UTF8 is missing | `feat.txt` `regressions::features_are_told_by_the_grammar` |
//! | PASV on IPv6 tells a wrong address; no listener on IPv6 | `pasv_ipv6.txt` |
//! | MLSD is missing; a fact has a wrong name | `mlsd.txt` `properties::every_listing_names_the_same` |
//! | STAT of a path has a wrong code | `stat.txt` |
//!
//! What TLS adds to that:
//!
//! | fault | test |
//! |---|---|
//! | a command that was put behind AUTH in the clear is obeyed inside TLS, or answered before it | `auth_pipelined.txt` `auth_half_a_line.txt` `ccc_pipelined.txt` |
//! | an upload that is cut without a close_notify is 226 | `tls::upload_without_close_notify_is_no_226` |
//! | garbage instead of a handshake ends the server, the session, or the file | `tls::garbage_on_data_connection_is_522` `tls::garbage_instead_of_handshake_closes_control_connection` |
//! | a data connection that does not resume its session kills the session, or is anybody's | `tls::require_refuses_data_connection_without_resumption` `tls::refused_upload_keeps_the_old_file` |
//! | after some transfers there are no tickets left, and uploads are empty | `tls::two_hundred_transfers_resume_the_session` `tls::uploads_do_not_exhaust_tickets` |
//! | tickets that nobody reads cut an upload | `tls::upload_by_client_that_reads_nothing_is_complete` |
//! | a browser is made to speak FTP | `tls::client_with_other_alpn_protocol_is_refused` `foreign_http.txt` |
//! | half a handshake holds up the others, or is held for ever | `tls::stalled_handshakes_do_not_delay_others_and_time_out` |
//! | a login in the clear outlives AUTH | `auth_login.txt` `auth_between.txt` |
//! | REIN bares data connections that were private from the greeting on | `rein_implicit.txt` |
//! | ABOR is lost inside TLS | `tls::abor_takes_effect_at_once_in_both_directions` |

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::net::TcpStream;
use std::path::Path;

use mioftpd::limits::{DIRECTORIES_PENDING, DIRECTORY_DEPTH};
use support::tables::missing_tests;
use support::{Control, Server, Starter, read_all};

/// More than all socket buffers of the machine hold.
const BIG: u64 = 256 * 1024 * 1024;

/// A file that is a hole, but for some bytes at its end.
fn hole(path: &Path, size: u64, end: &[u8]) {
    let mut file = File::create(path).unwrap();
    file.seek(SeekFrom::Start(size - end.len() as u64)).unwrap();
    file.write_all(end).unwrap();
}

/// Reads until the end, or the reset.
fn drain(mut data: TcpStream) {
    let mut buffer = vec![0; 1 << 20];
    while data.read(&mut buffer).is_ok_and(|count| count > 0) {}
}

#[test]
fn aborted_again_and_again_a_session_still_transfers() {
    let server = Server::read_only(|root| {
        hole(&root.join("big"), BIG, b"end");
        fs::write(root.join("small"), "content").unwrap();
    });
    let mut control = server.login();
    for round in 0..30 {
        let data = control.passive().stream();
        control.command("RETR big", 150);
        // Once, or twice in a segment: the second then finds nothing.
        let times = 1 + round % 2;
        control.send_raw("ABOR\r\n".repeat(times).as_bytes());
        control.expect(426);
        (0..times).for_each(|_| drop(control.expect_one_of(&[225, 226])));
        drop(data);
        assert_eq!(control.retrieve("small"), b"content");
    }
}

#[test]
fn a_player_seeks() {
    let server = Server::read_only(|root| hole(&root.join("film"), BIG, b"the end"));
    let mut control = server.login();
    for round in 0..50_u64 {
        control.command(&format!("REST {}", round * 1_000_003), 350);
        let mut data = control.passive().stream();
        control.command("RETR film", 150);
        data.read_exact(&mut [0; 1000]).unwrap();
        control.send("ABOR");
        control.expect(426);
        control.expect(226);
    }
    control.command(&format!("REST {}", BIG - 7), 350);
    assert_eq!(control.retrieve("film"), b"the end");
}

#[test]
fn a_file_that_shrinks_is_no_226() {
    for (workers, kind) in [("0", "I"), ("2", "I"), ("0", "A"), ("2", "A")] {
        let starter = Starter::default().argument("--workers").argument(workers);
        let server = starter.serving(|root| hole(&root.join("f"), BIG, b"end"));
        let server = server.start();
        let mut control = server.login();
        control.command(&format!("TYPE {kind}"), 200);
        let data = control.passive().stream();
        control.command("RETR f", 150);
        let file = File::options().write(true).open(server.file("f")).unwrap();
        file.set_len(100).unwrap();
        drain(data);
        control.expect_one_of(&[426, 451]);
        control.command("NOOP", 200);
    }
}

#[test]
fn a_listing_that_leaves_something_out_is_no_226() {
    let deep = |depth: usize| "d/".repeat(depth);
    let server = Server::read_only(|root| {
        fs::create_dir_all(root.join("deep").join(deep(DIRECTORY_DEPTH + 1))).unwrap();
        for number in 0..=DIRECTORIES_PENDING {
            fs::create_dir_all(root.join(format!("wide/some/{number:04}"))).unwrap();
        }
        fs::write(root.join("wide/some/zzzz"), "").unwrap();
    });
    let mut control = server.login();
    for (path, is_whole) in [
        ("deep/d", true),
        ("deep", false),
        ("wide/some/0001", true),
        ("wide", false),
    ] {
        let data = control.passive();
        control.command(&format!("LIST -R {path}"), 150);
        let listing = String::from_utf8(data.receive()).unwrap();
        let said = control.expect(if is_whole { 226 } else { 451 });
        // All that is shown arrives, up to its orderly end.
        assert!(listing.is_empty() || listing.ends_with("\r\n"));
        assert!(path != "wide" || listing.contains(" zzzz\r\n"));
        let text = said.text();
        let names_bounds =
            text.contains("not complete") && text.contains(" 32 ") && text.contains(" 1000 ");
        assert_eq!(names_bounds, !is_whole, "{text}");
    }
    fs::remove_dir(server.file("wide/some/0000")).unwrap();
    let data = control.passive();
    control.command("LIST -R wide/some", 150);
    data.receive();
    control.expect(226);
}

#[test]
fn the_data_has_ended_when_226_comes() {
    let content = vec![b'x'; 100_000];
    // One thread sends both, so that nothing but the server's order can exchange them.
    let starter = Starter::default().argument("--workers").argument("0");
    let server = starter.serving(|root| fs::write(root.join("f"), &content).unwrap());
    let server = server.start();
    let mut control = server.login();
    for command in ["RETR f", "LIST", "NLST", "MLSD"] {
        let mut data = control.passive().stream();
        control.command(command, 150);
        control.expect(226);
        // Nothing more has to be waited for: all is in the buffers of this end, its end too.
        data.set_nonblocking(true).unwrap();
        let mut bytes = Vec::new();
        let end = data.read_to_end(&mut bytes);
        let late = end.is_err_and(|e| e.kind() == ErrorKind::WouldBlock);
        assert!(!late, "{command}: 226 came before the end");
        assert!(command != "RETR f" || bytes == content);
    }
}

#[test]
fn sizes_and_offsets_beyond_four_gib() {
    const SIZE: u64 = 5 * 1024 * 1024 * 1024;
    let server = Server::writable(|root| hole(&root.join("f"), SIZE, b"the end"));
    let mut control = server.login();
    assert_eq!(control.command("SIZE f", 213).text(), SIZE.to_string());
    for command in ["LIST", "MLSD"] {
        let mut data = control.passive().stream();
        control.command(command, 150);
        let listing = String::from_utf8(read_all(&mut data)).unwrap();
        control.expect(226);
        assert!(listing.contains(&SIZE.to_string()), "{listing}");
    }
    control.command(&format!("REST {}", SIZE - 7), 350);
    assert_eq!(control.retrieve("f"), b"the end");
    control.command(&format!("REST {}", SIZE - 3), 350);
    control.store("f", b"END of it");
    assert_eq!(
        control.command("SIZE f", 213).text(),
        (SIZE + 6).to_string()
    );
    control.command(&format!("REST {}", SIZE - 7), 350);
    assert_eq!(control.retrieve("f"), b"the END of it");
}

#[test]
fn features_are_told_by_the_grammar() {
    let server = Server::read_only(|_| ());
    let mut control = server.login();
    let reply = control.command("FEAT", 211);
    let (first, rest) = reply.lines.split_first().unwrap();
    let (last, features) = rest.split_last().unwrap();
    assert!(first.starts_with("211-") && last.starts_with("211 "));
    // RFC 2389 §3.2: SP, 1*VCHAR, and with parameters SP and 1*TCHAR; nothing twice.
    let names = features.iter().map(|line| {
        let feature = line.strip_prefix(' ').unwrap();
        let mut words = feature.splitn(2, ' ');
        let (name, parameters) = (words.next().unwrap(), words.next());
        let visible = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        assert!(visible(name), "{line:?}");
        assert!(
            parameters.is_none_or(|text| visible(&text.replace(' ', "_"))),
            "{line:?}"
        );
        name
    });
    let mut names: Vec<_> = names.collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all, "a feature comes twice");
    says_what_it_can(&mut control, &names);
}

/// A feature that is a command is served.
fn says_what_it_can(control: &mut Control, names: &[&str]) {
    let no_commands = ["REST", "TVFS", "UTF8", "EPSV", "EPRT"];
    for name in names.iter().filter(|name| !no_commands.contains(name)) {
        control.send(&format!("HELP {name}"));
        control.expect_one_of(&[214]);
    }
}

#[test]
fn every_test_in_the_tables_exists() {
    let (missing, found) = missing_tests(include_str!("regressions.rs"));
    assert!(missing.is_empty(), "no such tests: {missing:?}");
    assert!(found > 50, "only {found}");
}

/// An end in order would make an empty file of it.
#[test]
fn a_download_that_is_aborted_before_its_first_byte_is_reset() {
    let server = Server::read_only(|root| fs::write(root.join("f"), "content").unwrap());
    let mut control = server.login();
    // In the cache of names it is opened at once.
    assert_eq!(control.retrieve("f"), b"content");
    let mut data = control.passive().stream();
    // When this is answered the data connection has been accepted.
    control.command("NOOP", 200);
    control.send_raw(b"RETR f\r\nABOR\r\n");
    control.expect(150);
    let code = control.expect_one_of(&[426, 226]).code;
    let mut got = Vec::new();
    let end = data.read_to_end(&mut got).map_err(|error| error.kind());
    match code {
        426 => assert_eq!(end, Err(ErrorKind::ConnectionReset), "{got:?}"),
        _ => assert_eq!((end, got.as_slice()), (Ok(7), &b"content"[..])),
    }
    control.expect_one_of(&[225, 226]);
}
