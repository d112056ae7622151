//! Reports of users of this and of other servers, each with the test of the correct behaviour. A test below
//! checks that all of these tests exist.
//!
//! Reported by users and operators of this server; rows of one number are of one kind:
//!
//! | number | action | correct | test |
//! |---|---|---|---|
//! | 1 | `PASV`, connect, `RETR /`, `CWD /`, `LIST` (lynx) | 550, 250, and the listing uses that connection | `refused_keeps_data.txt` `clients::lynx_browses_directories` |
//! | 1 | `PORT`, `RETR` of a missing file, `NLST` | 550, and the listing uses that port | `refused_keeps_data.txt` |
//! | 1 | the same over TLS, with the handshake before, during or after the refusal | the connection is kept | `refused_keeps_data_private.txt` `tls::secured_data_connection_is_kept_after_refusal` `tls::handshaking_data_connection_is_kept_after_refusal` |
//! | 1 | any other refusal, by the session or by the storage | the connection is kept | `session::storage_refusal_keeps_data_connection` `session::early_refusal_keeps_data_connection` `refused_data::refused_pasv_keeps_the_data_connection` |
//! | 1 | the client sends the bytes of a refused upload | they are stored nowhere | `refused_data::bytes_of_a_refused_upload_close_the_data_connection` |
//! | 1 | a short download by lynx or aria2, which drop a 226 that they read together with the 150 | the 226 is delayed | `clients::lynx_shows_a_file` `clients::aria2_takes_a_small_file` `reported::short_download_delays_226_after_150` |
//! | 2 | `MKD` of an existing directory, by `FluentFTP` | 550 with words such as `Directory already exists` | `mkd.txt` `clients::fluentftp_understands_the_replies` |
//! | 2 | each refusal, as ten client programs parse it | not found, exists and not permitted are distinguished | `replies::refusals_are_understood_by_clients` `replies::denied_is_distinguished_from_not_found` |
//! | 2 | a name in a reply | resolves to that file from the working directory | `replies::names_in_replies_resolve_from_current_directory` |
//! | 3 | `STOR` onto a bind-mounted file | 226, and the file has the new content | `in_place::mounted_file_is_written_in_place` |
//! | 3 | `STOR` onto a file of mode 666 in a directory of mode 755 | 226, written in place, logged once per session | `in_place::file_in_unwritable_directory_is_written_in_place` |
//! | 3 | the same for a file of another user in a sticky directory | 226, written in place | `in_place::foreign_file_in_sticky_directory_is_written_in_place` |
//! | 3 | `STOR` onto a file that can be neither replaced nor written | 550, no 150 | `in_place::immutable_and_append_only_files_are_refused_before_150` |
//! | 3 | `MLST` of each | `perm` matches what is allowed | `in_place::perm_fact_reflects_file_system_permissions` |
//! | 4 | `STOR` of 200 kB, cut by a reset; `SIZE`; `REST`, `STOR` | 426 with the size of the kept part; the resumed file is complete | `kept_uploads::reset_upload_is_kept_and_resumed` |
//! | 4 | curl killed during an upload; `curl -C -` | the file is complete | `clients::curl_resumes_after_it_was_killed` |
//! | 4 | lftp, PHP, `Net::FTP` and basic-ftp resume a cut upload | only the missing part is sent, and the file is complete | `clients::lftp_resumes` `clients::php_resumes` `clients::net_ftp_resumes` `clients::basic_ftp_resumes` |
//! | 4 | a cut upload to an existing file | the old file is unchanged | `kept_uploads::interrupted_replacement_leaves_old_file` |
//! | 4 | `cut-uploads = "discard"` | no partial file is kept | `config::cut_uploads_keeps_or_discards_bytes` |
//! | 4 | `REST 4`, `APPE` | writes from the offset, as `STOR` does | `appe_restart.txt` |
//! | 4 | `REST`, `HELP ALLO`, `ALLO`, `STOR` (`Net::FTP`) | writes from the offset | `rest_between.txt` |
//! | 5 | `MDTM`, `MLST` | 14 digits; fractions if configured | `mdtm.txt` `config::time_fractions_selects_milliseconds` |
//! | 6 | `CWD ~`, `CWD ~/d` | relative to the initial directory of the account | `cwd_tilde.txt` |
//! | 6 | trailing spaces, such as `TYPE I ` | ignored | `trailing_spaces.txt` |
//! | 7 | `PORT`, with and without `active.from-default-port` | the data connection is from port L-1, or from any port | `config::active_data_connection_comes_from_port_l_minus_1` |
//! | 7 | that port is in use, or two concurrent transfers go to one port | another port, and one warning | `config::busy_default_data_port_is_replaced_and_logged` `config::concurrent_transfers_to_one_client_port_both_connect` |
//! | 7 | started as root, with `run-as` | only `CAP_NET_BIND_SERVICE` is kept, and only if L-1 needs it | `sandbox::run_as_user_keeps_net_bind_service_only_if_needed` |
//! | 8 | a TLS upload that ends without `close_notify` | cut; complete and logged for an exempted network or account | `config::unclean_upload_from_another_network_is_cut` `config::unclean_upload_from_allowed_network_completes_and_is_logged` `config::unclean_upload_completes_for_allowed_account_only` |
//! | 8 | the same within a TLS record, or by a reset | cut | `config::upload_truncated_within_record_or_reset_is_cut` |
//! | 9 | an upload ends, and its control connection immediately after | complete, 20 of 20 times | `upload_ends::upload_end_before_control_end_is_complete` |
//! | 9 | the control connection ends first | cut | `upload_ends::upload_end_after_control_end_is_cut` |
//! | 10 | an empty or truncated configuration file, then SIGHUP | nothing changes, and the log names what is missing | `config::emptied_file_is_refused_and_lost_keys_are_logged` `config::truncated_file_is_refused_at_every_length` |
//! | 10 | a directory and no account | exit code 2 and the remedy: configure the anonymous account | `config::directory_without_an_account_exits_2_with_remedy` `config::writable_adds_no_anonymous_account_to_a_file` |
//! | 11 | a flood of NOOP during failed logins of other clients | each failed login is in the log, which stays small | `logs::failed_logins_are_logged_during_a_flood` |
//! | 11 | any log line, repeatedly | a rate limit, and a count of suppressed messages | `logs::repeated_log_lines_are_rate_limited` |
//! | 11 | fail2ban with the documented filter, during a flood | matches every failed login and nothing else | `logs::filter_matches_exactly_the_failed_logins_in_a_flood` |
//! | 11 | logrotate with the documented rules | no line is lost | `logs::logrotate_with_the_guides_rules_loses_no_line` |
//! | 12 | `client-required = true` with `require = "none"`, and all other combinations of keys | an error with line and column, or a note | `config::client_required_needs_require_control_in_file_and_options` `config::invalid_combination_has_position_and_exits_2` `config::key_without_effect_is_noted_and_logged` `config::each_row_matches_its_sample_and_no_part_of_it` |
//! | 13 | an account is removed or disabled, expires, or gets other addresses, another password or directory; SIGHUP | its sessions, and no others, end with 426 and 421 and the reason | `config::revoked_account_ends_only_its_sessions` `config::reload_without_changes_keeps_all_sessions` |
//! | 13 | an account expires | the same | `config::session_ends_when_its_account_expires` |
//! | 13 | changed rights | apply from the next command on, and to the transfer in progress | `config::reloaded_permissions_apply_to_commands_and_transfers` |
//! | 13 | an address is denied; TLS is required; another CA | 421 | `config::denied_address_ends_sessions_before_and_after_login` `config::reload_requiring_tls_ends_clear_text_sessions` `config::changed_authority_ends_sessions_with_old_certificates` |
//! | 13 | `reload.sessions = "keep"` | all sessions continue | `config::reload_sessions_keep_leaves_sessions_unchanged` |
//! | 14 | a change, or a refused command | one line with account, peer, verb, path, code and reason; also as JSON | `logs::each_change_and_refusal_is_one_audit_line` |
//! | 14 | a full disk, missing permissions, a quota | a warning | `logs::refusals_caused_by_the_system_are_warnings` |
//! | 15 | files removed by other programs | the quota is recounted: at SIGHUP, at a refusal, and periodically | `config::recount_at_sighup_sees_external_changes` `config::recount_before_refusal_sees_removed_files` `config::periodic_recount_sees_external_changes` |
//! | 15 | uploads during the first count of the files | wait, and are stored | `slow_workers::uploads_wait_for_first_count_without_delaying_others` `sandbox::account_directories_work_in_the_sandbox` |
//! | 16 | `allow-fxp` at the top level; in an account | an error with the right section; applies to that account only | `config::allow_fxp_permits_data_connections_to_other_hosts` |
//! | 16 | with it, `PORT` to a port below 1024, to 0.0.0.0/8, multicast, 240/4 or local addresses, also in IPv6 | 501 | `fxp.txt` `fxp_ipv6.txt` |
//! | 16 | `events.command` is a directory, and other paths of a wrong type | an error with line and column | `config::event_command_must_be_executable` `config::directory_key_refuses_other_file_types` `config::configuration_must_be_a_regular_file` |
//! | 16 | `tls.names` changed after a certificate was stored | a certificate for the new names is made | `config::kept_certificate_is_replaced_for_other_names` |
//! | 16 | `--state-dir` alone, or with a certificate | exit code 2: it needs a self-signed certificate | `command_line::invalid_combination_of_tls_options_exits_2` |
//! | 16 | a failed reload, under systemd | the status has the error | `service_manager::failed_reload_is_in_the_status_until_one_succeeds` |
//! | 16 | repeated data connections without TLS session resumption | logged once per session, then counted | `tls::observe_serves_and_logs` |
//! | 16 | 0.0.0.0, multicast or broadcast as the masquerade address | refused | `net::addresses_of_no_host_are_refused_and_never_advertised` |
//! | 17 | a file that the sandbox, or the permissions of the `run-as` user, make inaccessible | distinct errors, with the remedy | `config::sandbox_denial_is_distinguished_from_file_permissions` `unprivileged::unreadable_file_errors_name_the_user` |
//! | 17 | `run-as`, or port 21, without the privilege | the error names the required user or capability | `unprivileged::run_as_without_root_is_an_error` `unprivileged::low_port_error_names_the_capability` |
//! | 17 | a failed TLS handshake | the reason in plain words | `tls::outdated_client_parameters_are_logged` `tls::protocol_other_than_tls_is_logged` `tls::certificate_rejected_by_client_is_logged` `tls::client_certificate_is_requested_and_verified_as_configured` |
//! | 17 | 421 because of a limit | the log names the key | `config::connection_beyond_limit_gets_421` `config::connection_beyond_address_limit_gets_421` `config::memory_limit_lowers_number_of_connections` |
//! | 17 | plaintext passwords, secrets readable by other users, inaccessible directories | a warning at start-up, with the remedy | `config::clear_text_passwords_are_warned_of_unless_loopback` `config::world_readable_password_file_is_warned_of` `config::unwritable_upload_directory_is_warned_of` |
//!
//! Reported of other servers and clients, and correct here:
//!
//! | number | symptom | correct | test |
//! |---|---|---|---|
//! | 18 | a camera disconnects at a 202 to ALLO | 200 | `camera_folders.txt` `allo.txt` |
//! | 19 | lower-case commands are refused; RNFR is 250; `TYPE A X` is accepted | accepted; 350; 501 | `small_letters.txt` |
//! | 20 | PASV replies in several lines or without parentheses; EPSV replies 227 | one line, in parentheses; 229 | `pasv.txt` `epsv.txt` |
//! | 21 | 125 instead of 150; 226 without either | always 150 | `reported::client_may_connect_before_or_after_its_command` |
//! | 22 | `LIST -a` is 550; PASV before TYPE is refused | accepted | `reported::client_may_connect_before_or_after_its_command` `list_paths.txt` |
//! | 23 | XMKD, trailing slashes, `CWD //x` are refused | accepted | `camera_folders.txt` |
//! | 24 | a missing path is 501, is listed, or is a success | 550, no 150 | `missing_names.txt` |
//! | 25 | an empty listing is an error | 150 and 226 | `empty_listings.txt` `clients::php_in_the_clear` |
//! | 26 | spaces inside, before and after names are lost | part of the name | `names_with_spaces.txt` |
//! | 27 | a fact with a space in its value hides all files | no value has a space | `mlst_all_facts.txt` |
//! | 28 | commands piped into `nc` are lost | each has a reply, in order | `reported::pipelined_session_is_answered_in_order` |
//! | 29 | SITE commands of mainframes | refused in one line | `site_of_others.txt` |
//! | 30 | `REST 100` as a probe; CDUP in the root | reset by the next command; 250 | `rest_between.txt` `cdup.txt` |
//! | 31 | a data connection closed before its handshake gives a late 226 | an error for each, and the session continues | `tls::close_of_data_connection_before_handshake_is_an_error` |
//! | 32 | an upload error desynchronises the replies | one 552 | `reported::upload_beyond_the_quota_has_one_552` |
//! | 33 | times in the distant past and future; four commands that set them | as the file system stores them | `mfmt.txt` `mdtm_sets.txt` `site.txt` |
//! | 34 | spaces and special characters in names and passwords | accepted unchanged | `reported::names_and_passwords_may_have_any_characters` |
//! | 35 | the greeting in several segments | one segment | `reported::greeting_is_one_segment` |

use std::fs;
use std::io::Read;
use std::net::{Shutdown, TcpStream};

use crate::support::tables::missing_tests;
use crate::support::{
    Control, DEADLINE, Server, Starter, epsv_port, mostly, pasv_port, read_all, uninterrupted,
};
use mioftpd::internals::limits::REPLY_GAP;

#[test]
fn every_test_in_the_tables_exists() {
    let (missing, found) = missing_tests(include_str!("reported.rs"));
    assert!(missing.is_empty(), "no such tests: {missing:?}");
    assert!(found > 50, "only {found}");
}

#[test]
fn client_may_connect_before_or_after_its_command() {
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

/// A server with one account, whose password is in an environment variable.
fn server_for(name: &str, password: &str) -> Server {
    let starter = Starter::default().argument("--user").argument(name);
    let starter = starter.variable("MIOFTPD_PASSWORD", password);
    starter.serving(|_| ()).start()
}

/// `echo … | nc`: all commands in one segment, followed by a half-close.
#[test]
fn pipelined_session_is_answered_in_order() {
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

#[cfg(all(feature = "config", feature = "quotas"))]
#[test]
fn upload_beyond_the_quota_has_one_552() {
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
    // The client ignores errors and sends the whole file.
    let _ = std::io::Write::write_all(&mut data, &vec![b'x'; 13 << 20]);
    drop(data);
    control.expect(552);
    control.command("NOOP", 200);
    control.command("SIZE big", 550);
    control.store("small", b"content");
}

#[test]
fn names_and_passwords_may_have_any_characters() {
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

/// Some clients drop a 226 that they read together with the 150.
#[test]
fn short_download_delays_226_after_150() {
    let server = Server::read_only(|root| fs::write(root.join("f"), "content").unwrap());
    let mut control = server.login();
    control.command("TYPE I", 200);
    mostly(|_| {
        let mut data = control.passive().stream();
        control.send("RETR f");
        let mut content = Vec::new();
        data.read_to_end(&mut content).unwrap();
        // As slow as a client on a busy host.
        std::thread::sleep(REPLY_GAP / 10);
        let mut bytes = [0; 1000];
        let socket = control.socket();
        let count = uninterrupted(|| socket.peek(&mut bytes)).unwrap();
        let is_alone = !String::from_utf8_lossy(&bytes[..count]).contains("226");
        drop(data);
        control.expect(150);
        control.expect(226);
        is_alone && content == b"content"
    });
    // The delay is bounded: this client keeps its side of the connection open.
    let mut data = control.passive().stream();
    control.command("RETR f", 150);
    assert_eq!(read_all(&mut data), b"content");
    control.expect(226);
}

#[test]
fn greeting_is_one_segment() {
    let server = Server::read_only(|_| ());
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut bytes = [0; 1000];
    let count = uninterrupted(|| stream.read(&mut bytes)).unwrap();
    assert!(bytes.starts_with(b"220 ") && bytes[..count].ends_with(b"\r\n"));
}
