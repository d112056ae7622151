//! Known faults of other FTP servers, each with the test that guards against it here. A test below checks
//! that all of these tests exist.
//!
//! Measured at other servers:
//!
//! | fault | test |
//! |---|---|
//! | a foreign host that connects to the passive port first gets the file, or ends the transfer | `abuse::foreign_address_on_the_passive_port_is_dropped` |
//! | ABOR has no effect until the client reads | `cut_transfers::abor_aborts_a_stalled_download_at_once` |
//! | ABOR works only as urgent data, or never | `cut_transfers::abor_as_urgent_data_aborts` |
//! | after ABOR the session cannot transfer | `regressions::repeated_abor_keeps_the_session_usable` |
//! | an aborted download looks like an empty file | `regressions::download_aborted_before_its_first_byte_is_reset` |
//! | ABOR with nothing to abort is an error | `abor.txt` |
//! | NOOP is answered before the 226 of the preceding transfer | `cut_transfers::stat_is_answered_during_and_noop_after_a_transfer` |
//! | QUIT cuts the transfer in progress | `cut_transfers::quit_waits_for_the_download` `cut_transfers::half_close_after_quit_keeps_the_upload` |
//! | an upload that ends with a reset is 226 | `cut_transfers::reset_upload_keeps_the_old_file` |
//! | a lost control connection leaves a partial file | `cut_transfers::reset_control_connection_discards_the_upload` |
//! | a partial upload is visible | `cut_transfers::upload_is_visible_only_when_complete` |
//! | STOU overwrites a file created under the announced name | `durability::stou_does_not_replace_file_created_meanwhile` |
//! | a download with a read error is 226 | `simulation::every_seed_passes_the_oracle` |
//! | a truncated download is 226 | `regressions::shrinking_file_has_no_226` |
//! | a truncated recursive listing is 226 | `regressions::truncated_listing_has_no_226` |
//! | 226 comes before the end of the data | `regressions::data_connection_ends_before_226` |
//! | REST beyond the end is an empty success; garbage counts as 0; a large number overflows | `rest.txt` `rest_syntax.txt` |
//! | LIST of a missing path is an empty success, or an error after a 150 | `list.txt` `list_paths.txt` `nlst_paths.txt` |
//! | RETR of a missing file is an error after a 150 | `retr.txt` |
//! | RETR without a data connection hangs | `retr.txt` |
//! | an endless line is kept in memory, or answered repeatedly | `abuse::endless_line_is_one_error_in_bounded_memory` `abuse::repeated_overlong_lines_end_the_session` |
//! | replies distinguish known from unknown names; a wrong password delays other clients | `user_named.txt` `abuse::wrong_passwords_end_the_session_and_delay_no_client` |
//!
//! Reported by users of other servers:
//!
//! | fault | test |
//! |---|---|
//! | PASV replies with a private address | `options::private_client_gets_the_local_address_in_pasv` |
//! | passive ports outside the range are used when it is exhausted | `command_line::passive_ports_never_leave_the_range` |
//! | descriptors and memory leak | `abuse::two_thousand_sessions_leak_nothing` |
//! | the idle time-out ends a session during a transfer | `session::idle_timer_is_stopped_during_transfer` |
//! | a data connection that is never opened hangs the session | `session::missing_data_connection_times_out` |
//! | files with names that are not UTF-8 cannot be downloaded | `file_names.txt` `properties::listings_agree_on_names_and_content` |
//! | a client that does not connect keeps its passive port | `limits::unused_passive_ports_are_released` |
//! | LIST cannot show local time | `options::list_shows_dates_in_the_configured_zone` |
//! | the listing of a large directory is held in memory | `transfer::large_directory_is_complete` |
//! | sizes and offsets overflow at 2 or 4 GiB | `regressions::sizes_and_offsets_exceed_four_gib` `regressions::transfers_cross_two_and_four_gib` |
//! | `LIST -la`, lower-case commands, NLST of a file, and patterns are not supported | `list_paths.txt` `nlst_paths.txt` `explorer.txt` |
//! | media players seek by ABOR, REST and RETR in quick succession | `regressions::media_player_seeks_by_abor_and_rest` |
//! | ALLO accepts a size that does not fit | `allo_too_large.txt` |
//! | times cannot be set, or only by one of three commands | `mfmt.txt` `mdtm_sets.txt` `site.txt` |
//! | a connection is closed without a reason | `session::idle_session_closes_with_421_and_time_out` `session::login_time_out_closes_with_421_and_time_out` |
//! | sockets and devices are listed as pipes | `storage::file_type_maps_to_kind` `protocol::facts_of_each_type_and_permission` |
//! | a name with a bracket or an asterisk cannot be listed | `list_literal.txt` |
//! | devices that only use PORT and STOR are not supported | `device.txt` |
//! | SITE UMASK overrides the umask of the account | `site_umask_not_allowed.txt` |
//!
//! Found in the sources of other servers:
//!
//! | fault | test |
//! |---|---|
//! | a parse error ends the session | `unknown_commands.txt` |
//! | pipelined commands are dropped, or answered out of order | `pipelining.txt` `properties::replies_do_not_depend_on_segmentation` |
//! | MLST resolves paths from the root, not from the working directory | `mlst.txt` |
//! | PORT to any address and port is accepted | `port.txt` `eprt.txt` `abuse::port_to_another_host_is_refused_without_connecting` |
//! | PASV works before the login | `pasv_before_login.txt` |
//! | `TYPE A N` is refused; TYPE, STRU and MODE accept any argument; TYPE E has two replies | `type.txt` `stru.txt` `mode.txt` `type_e.txt` |
//! | a NUL in a name crashes the server | `hostile_names.txt` |
//! | EPSV ALL opens a port, or does not disable PASV | `epsv_all.txt` |
//! | FEAT has a malformed line, or no UTF8 | `feat.txt` `regressions::feat_reply_follows_the_grammar` |
//! | PASV on IPv6 replies with a wrong address; no listener on IPv6 | `pasv_ipv6.txt` |
//! | MLSD is missing, or a fact has a wrong name | `mlsd.txt` `properties::listings_agree_on_names_and_content` |
//! | STAT of a path has a wrong reply code | `stat.txt` |
//!
//! With TLS:
//!
//! | fault | test |
//! |---|---|
//! | a plaintext command injected after AUTH is executed inside TLS, or answered before the handshake | `auth_pipelined.txt` `auth_half_a_line.txt` `ccc_pipelined.txt` |
//! | an upload that ends without close_notify (truncation attack) is 226 | `tls::upload_without_close_notify_is_no_226` |
//! | garbage instead of a handshake ends the server or the session, or is stored | `tls::garbage_on_data_connection_is_522` `tls::garbage_instead_of_handshake_closes_control_connection` |
//! | a data connection that does not resume the TLS session ends the session, or is accepted from any client | `tls::require_refuses_data_connection_without_resumption` `tls::refused_upload_keeps_the_old_file` |
//! | after some transfers no session tickets are left, and uploads are empty | `tls::two_hundred_transfers_resume_the_session` `tls::uploads_do_not_exhaust_tickets` |
//! | unread session tickets cut an upload | `tls::upload_by_client_that_reads_nothing_is_complete` |
//! | cross-protocol attack: a browser sends FTP commands | `tls::client_with_other_alpn_protocol_is_refused` `foreign_http.txt` |
//! | an incomplete handshake blocks other clients, or has no time-out | `tls::stalled_handshakes_do_not_delay_others_and_time_out` |
//! | a plaintext login survives AUTH | `auth_login.txt` `auth_between.txt` |
//! | with implicit TLS, REIN resets data connections to plaintext | `rein_implicit.txt` |
//! | ABOR has no effect inside TLS | `tls::abor_takes_effect_at_once_in_both_directions` |

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::net::TcpStream;
use std::path::Path;

use crate::support::tables::missing_tests;
use crate::support::{Control, Server, Starter, read_all, uninterrupted};
use mioftpd::internals::limits::{DIRECTORIES_PENDING, DIRECTORY_DEPTH};

/// More than all socket buffers hold.
const BIG: u64 = 256 * 1024 * 1024;

/// Creates a sparse file with `end` as its last bytes.
fn sparse_file(path: &Path, size: u64, end: &[u8]) {
    let mut file = File::create(path).unwrap();
    file.seek(SeekFrom::Start(size - end.len() as u64)).unwrap();
    file.write_all(end).unwrap();
}

/// Reads until the end or the reset.
fn drain(mut data: TcpStream) {
    let mut buffer = vec![0; 1 << 20];
    while uninterrupted(|| data.read(&mut buffer)).is_ok_and(|count| count > 0) {}
}

#[test]
fn repeated_abor_keeps_the_session_usable() {
    let server = Server::read_only(|root| {
        sparse_file(&root.join("big"), BIG, b"end");
        fs::write(root.join("small"), "content").unwrap();
    });
    let mut control = server.login();
    for round in 0..30 {
        let data = control.passive().stream();
        control.command("RETR big", 150);
        // Once, or twice in a segment: the second ABOR then has nothing to abort.
        let times = 1 + round % 2;
        control.send_raw("ABOR\r\n".repeat(times).as_bytes());
        control.expect(426);
        (0..times).for_each(|_| drop(control.expect_one_of(&[225, 226])));
        drop(data);
        assert_eq!(control.retrieve("small"), b"content");
    }
}

#[test]
fn media_player_seeks_by_abor_and_rest() {
    let server = Server::read_only(|root| sparse_file(&root.join("film"), BIG, b"the end"));
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
fn shrinking_file_has_no_226() {
    for (workers, kind) in [("0", "I"), ("2", "I"), ("0", "A"), ("2", "A")] {
        let starter = Starter::default().argument("--workers").argument(workers);
        let server = starter.serving(|root| sparse_file(&root.join("f"), BIG, b"end"));
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
fn truncated_listing_has_no_226() {
    let deep = |depth: usize| "d/".repeat(depth);
    let server = Server::read_only(|root| {
        fs::create_dir_all(root.join("deep").join(deep(DIRECTORY_DEPTH + 1))).unwrap();
        for number in 0..=DIRECTORIES_PENDING {
            fs::create_dir_all(root.join(format!("wide/some/{number:04}"))).unwrap();
        }
        fs::write(root.join("wide/some/zzzz"), "").unwrap();
    });
    let mut control = server.login();
    for (path, is_complete) in [
        ("deep/d", true),
        ("deep", false),
        ("wide/some/0001", true),
        ("wide", false),
    ] {
        let data = control.passive();
        control.command(&format!("LIST -R {path}"), 150);
        let listing = String::from_utf8(data.receive()).unwrap();
        let reply = control.expect(if is_complete { 226 } else { 451 });
        // The listing arrives up to an orderly end.
        assert!(listing.is_empty() || listing.ends_with("\r\n"));
        assert!(path != "wide" || listing.contains(" zzzz\r\n"));
        let text = reply.text();
        let names_limits =
            text.contains("not complete") && text.contains(" 32 ") && text.contains(" 1000 ");
        assert_eq!(names_limits, !is_complete, "{text}");
    }
    fs::remove_dir(server.file("wide/some/0000")).unwrap();
    let data = control.passive();
    control.command("LIST -R wide/some", 150);
    data.receive();
    control.expect(226);
}

#[test]
fn data_connection_ends_before_226() {
    let content = vec![b'x'; 100_000];
    // Without workers one thread sends both, so that only the order of the server matters.
    let starter = Starter::default().argument("--workers").argument("0");
    let server = starter.serving(|root| fs::write(root.join("f"), &content).unwrap());
    let server = server.start();
    let mut control = server.login();
    for command in ["RETR f", "LIST", "NLST", "MLSD"] {
        let mut data = control.passive().stream();
        control.command(command, 150);
        control.expect(226);
        // All data and its end are in the receive buffer already.
        data.set_nonblocking(true).unwrap();
        let mut bytes = Vec::new();
        let end = data.read_to_end(&mut bytes);
        let late = end.is_err_and(|e| e.kind() == ErrorKind::WouldBlock);
        assert!(!late, "{command}: 226 came before the end");
        assert!(command != "RETR f" || bytes == content);
    }
}

#[test]
fn sizes_and_offsets_exceed_four_gib() {
    const SIZE: u64 = 5 * 1024 * 1024 * 1024;
    let server = Server::writable(|root| sparse_file(&root.join("f"), SIZE, b"the end"));
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

/// Offsets with a sign end at 2 GiB, and those without at 4 GiB, in 32 bits.
#[test]
fn transfers_cross_two_and_four_gib() {
    for boundary in [1_u64 << 31, 1 << 32] {
        let fill = |root: &Path| sparse_file(&root.join("f"), boundary + 3, b"before");
        let server = Server::writable(fill);
        let mut control = server.login();
        let restart = format!("REST {}", boundary - 3);
        control.command(&restart, 350);
        assert_eq!(control.retrieve("f"), b"before");
        control.command(&restart, 350);
        control.store("f", b"behind");
        control.command("MFMT 20391231235959 f", 213);
        control.command(&restart, 350);
        assert_eq!(control.retrieve("f"), b"behind");
        let size = control.command("SIZE f", 213);
        assert_eq!(size.text(), (boundary + 3).to_string());
    }
}

#[test]
fn feat_reply_follows_the_grammar() {
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
    assert_eq!(names.len(), all, "a feature is listed twice");
    expect_commands(&mut control, &names);
}

/// Features that are commands are implemented.
fn expect_commands(control: &mut Control, names: &[&str]) {
    let not_commands = ["REST", "TVFS", "UTF8", "EPSV", "EPRT"];
    for name in names.iter().filter(|name| !not_commands.contains(name)) {
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

/// With an orderly end it would look like an empty file.
#[test]
fn download_aborted_before_its_first_byte_is_reset() {
    let server = Server::read_only(|root| fs::write(root.join("f"), "content").unwrap());
    let mut control = server.login();
    // In the dentry cache the file is opened without a worker.
    assert_eq!(control.retrieve("f"), b"content");
    let mut data = control.passive().stream();
    // At its reply the data connection has been accepted.
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
