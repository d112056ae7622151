//! What users of this and of other servers have reported, each with the test that holds the right value
//! of it. A test below checks that all of these tests exist.
//!
//! What new users and operators met here; the same number is the same kind:
//!
//! | number | what was done | right | test |
//! |---|---|---|---|
//! | 1 | `PASV`, connect, `RETR /`, `CWD /`, `LIST`: lynx browses | 550, 250, and the listing comes over that connection | `refused_keeps_data.txt` `clients::lynx_browses_directories` |
//! | 1 | `PORT`, `RETR` of what is missing, `NLST` | 550, and the listing goes there | `refused_keeps_data.txt` |
//! | 1 | the same over TLS, secured before the refusal, while it comes, or after it | it is kept | `refused_keeps_data_private.txt` `tls::secured_data_connection_is_kept_after_refusal` `tls::handshaking_data_connection_is_kept_after_refusal` |
//! | 1 | a refusal by whatever cause, before the storage is asked and by it | it is kept | `session::whatever_the_storage_refuses_leaves_the_data_connection_as_it_is` `session::what_is_refused_before_the_storage_is_asked_leaves_it_too` `refused_data::a_refused_pasv_leaves_what_was_arranged` |
//! | 1 | a refused upload whose bytes come all the same | they become no other file | `refused_data::bytes_of_a_refused_upload_close_its_data_connection` |
//! | 1 | a small file, as lynx and aria2 fetch it, who forget a 226 that they read with the 150 | the 226 waits a moment for the client | `clients::lynx_shows_a_file` `clients::aria2_takes_a_small_file` `reported::a_small_download_is_over_when_its_client_has_had_time_to_read_the_150` |
//! | 2 | `MKD` of what exists, as `FluentFTP` reads it | 550 and words such as `Directory already exists` | `mkd.txt` `clients::fluentftp_understands_the_replies` |
//! | 2 | each refusal, as ten client programs read it | what is missing, there already, or not permitted is taken for just that | `replies::each_refusal_is_read_as_it_is_meant` `replies::what_is_not_permitted_is_not_taken_for_what_is_not_there` |
//! | 2 | a name that a reply tells | leads to that file from where the client is | `replies::every_name_that_is_told_leads_to_its_file_from_where_the_client_is` |
//! | 3 | `STOR` onto a file that is mounted by itself | 226, and it has the new bytes | `in_place::file_that_is_mounted_is_written_in_place` |
//! | 3 | `STOR` onto a file of mode 666 in a directory of mode 755 | 226, in place, said in the log once a session | `in_place::file_in_a_directory_that_may_not_be_written_is_written_in_place` |
//! | 3 | the same of another user in a sticky directory | 226, in place | `in_place::file_of_another_user_in_a_sticky_directory_is_written_in_place` |
//! | 3 | what can be neither replaced nor written | 550 before any 150 | `in_place::attributes_are_heard_before_the_150` |
//! | 3 | `MLST` of each | `perm` has what would be done, and no more | `in_place::perm_says_what_the_system_allows` |
//! | 4 | `STOR` of 200 kB, cut by a reset; `SIZE`; `REST`, `STOR` | 426 with the bytes that are kept; they are the first ones; the file is whole | `kept_uploads::upload_that_is_reset_is_kept_and_resumed` |
//! | 4 | curl killed in an upload; `curl -C -` | the file is whole | `clients::curl_goes_on_with_what_it_was_killed_in` |
//! | 4 | lftp, PHP, `Net::FTP`, basic-ftp go on with a cut upload | only what is missing is sent, and the file is whole | `clients::lftp_resumes` `clients::php_resumes` `clients::net_ftp_resumes` `clients::basic_ftp_resumes` |
//! | 4 | a cut upload of a name that a file has | the old file, whole | `kept_uploads::upload_that_would_replace_a_file_leaves_it_whole` |
//! | 4 | `cut-uploads = "discard"` | nothing is left | `config::cut_uploads_are_kept_or_not` |
//! | 4 | `REST 4`, `APPE` | writes from there on, as `STOR` does | `appe_restart.txt` |
//! | 4 | `REST`, `HELP ALLO`, `ALLO`, `STOR`: `Net::FTP` | writes from there on | `rest_between.txt` |
//! | 5 | `MDTM`, `MLST` | 14 digits; fractions by the key | `mdtm.txt` `config::times_have_fractions_or_whole_seconds` |
//! | 6 | `CWD ~`, `CWD ~/d` | the start of the account | `cwd_tilde.txt` |
//! | 6 | `TYPE I ` with spaces behind, and others | as without them | `trailing_spaces.txt` |
//! | 7 | `PORT`, with `active.from-default-port` and without | the data come from port L-1, or from any | `config::active_data_comes_from_the_port_before` |
//! | 7 | that port is taken, or two transfers go to one port at once | another port, and one warning | `config::active_data_comes_from_another_port_where_the_one_before_is_taken` `config::two_transfers_to_one_port_at_once_both_come` |
//! | 7 | started as root, with `run-as` | `CAP_NET_BIND_SERVICE` is kept where L-1 needs it, and nothing else | `sandbox::another_user_keeps_the_right_to_a_low_port_where_it_is_needed` |
//! | 8 | a TLS upload that ends without `close_notify` | cut; whole for a network or an account that is excepted, and each in the log | `config::unclean_upload_from_another_network_is_cut` `config::unclean_upload_of_a_network_is_whole_and_logged_each_time` `config::unclean_upload_of_an_account_is_whole_and_of_others_is_cut` |
//! | 8 | the same, within a record, or by a reset | cut | `config::upload_that_is_cut_within_a_record_or_reset_is_never_whole` |
//! | 9 | an upload ends, and its control connection at once | whole, 20 times of 20 | `upload_ends::upload_that_ends_just_before_its_control_connection_is_whole` |
//! | 9 | the control connection ends first | cut | `upload_ends::upload_that_ends_after_its_control_connection_is_cut` |
//! | 10 | the configuration emptied or cut, then SIGHUP | nothing changes, and the log names what was lost | `config::an_emptied_file_changes_nothing_and_the_log_names_what_was_lost` `config::a_cut_file_changes_nothing_wherever_it_ends` |
//! | 10 | a directory and no account | exit code 2 and the remedy: anonymous is where it is written | `config::a_directory_without_an_account_is_2_with_the_remedy` `config::writable_makes_no_anonymous_account_beside_a_file` |
//! | 11 | NOOP without end beside failed logins of others | each failed login is in the log, which stays small | `logs::failed_logins_stand_in_the_log_beside_a_flood_and_the_log_stays_small` |
//! | 11 | any line again and again | a rate, and a count of the rest | `logs::no_line_can_be_repeated_without_end` |
//! | 11 | fail2ban with the filter of the documentation, amid a flood | matches every failed login and nothing else | `logs::the_filter_matches_every_failed_login_amid_a_flood_and_nothing_else` |
//! | 11 | logrotate with the rules of the documentation | no line is lost | `logs::the_rules_of_the_documentation_rotate_all_logs_without_a_line_lost` |
//! | 12 | `client-required = true` with `require = "none"`, and every other pair of keys | a mistake with its place, or a note | `config::required_certificates_need_required_tls_by_file_and_by_options` `config::mistakes_have_their_place_and_are_2` `config::a_key_without_an_effect_is_a_note_and_in_the_log` `config::each_row_fires_with_its_own_combination_and_nothing_less` |
//! | 13 | an account is removed, disabled or expired, may not come from there, has another password or directory; SIGHUP | its sessions hear 426 and 421 with the reason and end, and no others | `config::each_cause_in_the_account_ends_its_session_and_no_other` `config::a_reload_of_the_same_disturbs_nobody` |
//! | 13 | the moment at which an account expires | the same | `config::a_session_ends_when_its_account_expires` |
//! | 13 | other rights | count from the next command, and for what goes on | `config::changed_rights_count_from_the_next_command_on_and_for_what_goes_on` |
//! | 13 | an address is denied; TLS is required; another authority | 421 | `config::a_denied_address_ends_sessions_before_and_after_their_login` `config::who_is_in_the_clear_ends_once_tls_is_required` `config::certificates_of_another_authority_end_with_the_old_one` |
//! | 13 | `reload.sessions = "keep"` | all go on | `config::sessions_go_on_as_they_are_where_that_is_wanted` |
//! | 14 | what was changed, and what was refused | a line with account, peer, verb, path, code and reason; JSON too | `logs::every_change_and_refusal_is_one_line_with_all_that_matters` |
//! | 14 | a full disk, no rights, a quota | a warning | `logs::what_the_operator_can_mend_is_a_warning` |
//! | 15 | files removed by others | the quota has their room again: at SIGHUP, at a refusal, and by itself | `config::a_sighup_counts_what_others_have_done` `config::a_refusal_counts_what_others_have_removed` `config::now_and_then_what_others_have_done_is_counted` |
//! | 15 | uploads while the files are counted for the first time | wait, and are stored | `slow_workers::uploads_wait_for_first_count_without_delaying_others` `sandbox::accounts_have_what_is_theirs_inside` |
//! | 16 | `allow-fxp` at the top level; of one account | a mistake that names the place; for that account alone | `config::data_goes_to_other_hosts_for_accounts_that_may` |
//! | 16 | with it, `PORT` below 1024, to 0.0.0.0/8, multicast, 240/4, local addresses, in IPv6 too | 501 | `fxp.txt` `fxp_ipv6.txt` |
//! | 16 | `events.command` that is a directory, and other paths of another kind | a mistake with its place | `config::the_event_command_is_a_program` `config::directories_are_directories` `config::the_configuration_is_a_file` |
//! | 16 | `tls.names` changed beside a certificate that was kept | one is made for the new names | `config::a_kept_certificate_is_made_anew_for_other_names` |
//! | 16 | `--state-dir` alone, and with a certificate | exit code 2: it needs a certificate that is made here | `command_line::options_of_tls_that_do_not_fit_together_are_2` |
//! | 16 | a reload that fails, under systemd | the mistake is the status | `service_manager::a_failed_reload_is_in_the_status_until_a_good_one` |
//! | 16 | data connections that do not resume, one after the other | logged once a session, then counted | `tls::observe_serves_and_logs` |
//! | 16 | 0.0.0.0, multicast, broadcast as the address to tell | refused | `net::addresses_of_no_host_are_refused_and_never_advertised` |
//! | 17 | a file that the sandbox, or the user of `run-as`, keeps out of reach | told apart, with the remedy | `config::what_the_sandbox_refuses_is_told_from_what_the_permissions_do` `unprivileged::a_file_says_who_may_not_read_it` |
//! | 17 | another user, or port 21, without the right | who may, and the capability | `unprivileged::another_user_needs_root` `unprivileged::a_low_port_names_the_capability` |
//! | 17 | TLS that fails | why, in words | `tls::outdated_client_parameters_are_logged` `tls::protocol_other_than_tls_is_logged` `tls::certificate_rejected_by_client_is_logged` `tls::client_certificate_is_requested_and_verified_as_configured` |
//! | 17 | 421 for a limit | the key, in the log | `config::one_too_many_hears_421` `config::one_too_many_of_an_address_hears_421` `config::there_are_as_many_as_the_memory_is_for` |
//! | 17 | passwords in the clear, secrets that others can read, directories out of reach | a warning at the start, with the remedy | `config::passwords_in_the_clear_are_warned_of_where_others_can_listen_in` `config::secrets_that_others_can_read_are_warned_of` `config::a_directory_in_which_nothing_can_be_written_is_warned_of` |
//!
//! What was reported of other servers and clients, and was right here:
//!
//! | number | symptom there | right | test |
//! |---|---|---|---|
//! | 18 | a camera hangs up on 202 to ALLO | 200 | `camera_folders.txt` `allo.txt` |
//! | 19 | small letters are not understood; RNFR is 250; `TYPE A X` is taken | as capitals; 350; 501 | `small_letters.txt` |
//! | 20 | PASV in several lines, without brackets; EPSV answered by 227 | one line, in brackets; 229 | `pasv.txt` `epsv.txt` |
//! | 21 | 125 for 150; 226 without either | always 150 | `reported::a_client_may_connect_before_or_after_its_command` |
//! | 22 | `LIST -a` is 550; PASV before TYPE | taken | `reported::a_client_may_connect_before_or_after_its_command` `list_paths.txt` |
//! | 23 | XMKD, slashes at the end, `CWD //x` | taken | `camera_folders.txt` |
//! | 24 | what is missing is 501, listed, or a success | 550 before any 150 | `missing_names.txt` |
//! | 25 | an empty listing is an error | 150 and 226 | `empty_listings.txt` `clients::php_in_the_clear` |
//! | 26 | spaces in, before and behind names | belong to them | `names_with_spaces.txt` |
//! | 27 | a fact with a space in its value hides all files | no value has one | `mlst_all_facts.txt` |
//! | 28 | commands piped into `nc` | each its reply, in order | `reported::a_session_in_one_segment_is_answered_in_order` |
//! | 29 | SITE of mainframes | refused in one line | `site_of_others.txt` |
//! | 30 | `REST 100` as a probe; CDUP at the top | forgotten with the next thing; 250 | `rest_between.txt` `cdup.txt` |
//! | 31 | data closed before its handshake: a late 226 | an error each, and the session goes on | `tls::close_of_data_connection_before_handshake_is_an_error` |
//! | 32 | an error in an upload puts replies out of step | one 552 | `reported::an_upload_beyond_the_quota_is_refused_once` |
//! | 33 | times long ago and to come; four ways to set them | as the file system has them | `mfmt.txt` `mdtm_sets.txt` `site.txt` |
//! | 34 | spaces and signs in passwords and names | taken as they are | `reported::names_and_passwords_may_have_any_signs` |
//! | 35 | a greeting in pieces | one piece | `reported::the_greeting_comes_in_one_piece` |

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::io::Read;
use std::net::{Shutdown, TcpStream};

use mioftpd::limits::REPLY_GAP;
use support::tables::missing_tests;
use support::{Control, DEADLINE, Server, Starter, epsv_port, mostly, pasv_port, read_all};

#[test]
fn every_test_in_the_tables_exists() {
    let (missing, found) = missing_tests(include_str!("reported.rs"));
    assert!(missing.is_empty(), "no such tests: {missing:?}");
    assert!(found > 50, "only {found}");
}

#[test]
fn a_client_may_connect_before_or_after_its_command() {
    let server = Server::writable(|root| fs::write(root.join("f"), "content").unwrap());
    let ip = server.address().ip();
    let mut control = server.login();
    for connects_first in [true, false] {
        // PASV before TYPE.
        let port = pasv_port(&mut control);
        control.command("TYPE A", 200);
        let early = connects_first.then(|| TcpStream::connect((ip, port)).unwrap());
        control.command("LIST -a", 150);
        let mut data = early.unwrap_or_else(|| TcpStream::connect((ip, port)).unwrap());
        let listing = String::from_utf8(read_all(&mut data)).unwrap();
        assert!(listing.contains(" f\r\n"), "{listing}");
        control.expect(226);
        let port = epsv_port(&mut control);
        let early = connects_first.then(|| TcpStream::connect((ip, port)).unwrap());
        control.command("STOR g", 150);
        drop(early.unwrap_or_else(|| TcpStream::connect((ip, port)).unwrap()));
        control.expect(226);
    }
}

/// An account whose password is given by the environment.
fn server_for(name: &str, password: &str) -> Server {
    let starter = Starter::default().argument("--user").argument(name);
    let starter = starter.variable("MIOFTPD_PASSWORD", password);
    starter.serving(|_| ()).start()
}

/// `echo … | nc`: all commands in a segment, and the end behind them.
#[test]
fn a_session_in_one_segment_is_answered_in_order() {
    let server = server_for("ann", "a secret");
    let mut control = Control::silent(server.address());
    control.send_raw(b"USER ann\r\nPASS a secret\r\nMKD d\r\nMKD d\r\nCWD d\r\nQUIT\r\n");
    control.socket().shutdown(Shutdown::Write).unwrap();
    for code in [220, 331, 230, 257, 550, 250, 221] {
        control.expect(code);
    }
    control.expect_end();
    assert_eq!(server.names(), ["d"]);
}

#[test]
fn an_upload_beyond_the_quota_is_refused_once() {
    let here = tempfile::tempdir().unwrap();
    let config = here.path().join("config.toml");
    let account =
        "[[account]]\nname = \"anonymous\"\npermissions = \"all\"\nquota-bytes = \"100KiB\"\n";
    fs::write(&config, account).unwrap();
    let starter = Starter::default().argument("--config").argument(config);
    let server = starter.serving(|_| ()).start();
    let mut control = server.login();
    control.command("TYPE I", 200);
    let mut data = control.passive().stream();
    control.command("STOR big", 150);
    // Whatever becomes of it, the client sends what it has.
    let _ = std::io::Write::write_all(&mut data, &vec![b'x'; 13 << 20]);
    drop(data);
    control.expect(552);
    control.command("NOOP", 200);
    control.command("SIZE big", 550);
    control.store("small", b"content");
}

#[test]
fn names_and_passwords_may_have_any_signs() {
    for (name, password) in [
        ("ann", " pa ss "),
        ("ann", "p§ä:#\"'\\ !$"),
        ("DOMAIN\\jones", "secret"),
        ("a@b", "secret"),
        ("with space", "secret"),
    ] {
        let server = server_for(name, password);
        let mut control = server.connect();
        control.command(&format!("USER {name}"), 331);
        control.command("PASS", 530);
        control.log_in(name, password);
        assert_eq!(
            control.command("PWD", 257).text(),
            "\"/\" is the current directory."
        );
    }
}

/// Some clients forget a 226 that they read together with the 150.
#[test]
fn a_small_download_is_over_when_its_client_has_had_time_to_read_the_150() {
    let server = Server::read_only(|root| fs::write(root.join("f"), "content").unwrap());
    let mut control = server.login();
    control.command("TYPE I", 200);
    mostly(|_| {
        let mut data = control.passive().stream();
        control.send("RETR f");
        let mut content = Vec::new();
        data.read_to_end(&mut content).unwrap();
        // The client is as slow as on a busy machine.
        std::thread::sleep(REPLY_GAP / 10);
        let mut bytes = [0; 1000];
        let socket = control.socket();
        let count = socket.peek(&mut bytes).unwrap();
        let is_alone = !String::from_utf8_lossy(&bytes[..count]).contains("226");
        drop(data);
        control.expect(150);
        control.expect(226);
        is_alone && content == b"content"
    });
    // Nor is it waited for for ever: this one keeps its end of the connection.
    let mut data = control.passive().stream();
    control.command("RETR f", 150);
    assert_eq!(read_all(&mut data), b"content");
    control.expect(226);
}

#[test]
fn the_greeting_comes_in_one_piece() {
    let server = Server::read_only(|_| ());
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut bytes = [0; 1000];
    let count = stream.read(&mut bytes).unwrap();
    assert!(bytes.starts_with(b"220 ") && bytes[..count].ends_with(b"\r\n"));
}
