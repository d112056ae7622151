//! Every combination of TYPE, STRU and MODE in both directions over real sockets, and transfers that
//! are restarted at a marker (RFC 959 §3.1 to §3.5, draft-preston-ftpext-deflate).

#![allow(clippy::cast_possible_truncation, reason = "test data")]

mod wire;

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use crate::support::{Control, Server, abort_connection, uninterrupted};
use wire::{Form, block_of, of_blocks};

/// Pseudo-random bytes with frequent `\n`, spaces, zeros and runs.
fn random_file(length: usize, mut seed: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < length {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let byte = match seed % 8 {
            0 | 1 => b'\n',
            2 => 0,
            3 => b' ',
            4 => 0xff,
            _ => (seed >> 8) as u8,
        };
        let times = if (seed >> 16).is_multiple_of(16) {
            (seed >> 20) % 256
        } else {
            1
        };
        bytes.extend(std::iter::repeat_n(byte, times as usize));
    }
    bytes.truncate(length);
    bytes
}

fn set(control: &mut Control, form: Form) {
    for command in form.commands() {
        control.command(&command, 200);
    }
}

#[test]
fn files_round_trip_in_every_type_structure_and_mode() {
    let server = Server::writable(|_| {});
    let mut control = server.login();
    let files = [
        random_file(70_000, 1),
        random_file(16_385, 2),
        b"one line\n".to_vec(),
        b"no end".to_vec(),
        Vec::new(),
    ];
    for form in Form::all() {
        set(&mut control, form);
        for file in &files {
            // In TYPE A, CR LF and LF in a file are the same on the wire.
            let mut file = file.clone();
            file.retain(|&byte| form.data_type != 'A' || byte != b'\r');
            control.store("f", &form.to_wire(&file));
            assert!(fs::read(server.file("f")).unwrap() == file, "{form:?} up");
            let wire = control.retrieve("f");
            assert!(form.to_file(&wire) == file, "{form:?} down");
        }
    }
}

#[test]
fn listing_has_the_same_names_in_every_representation() {
    let server = Server::writable(|root| {
        for number in 0..2000 {
            fs::write(root.join(format!("file-{number}")), "x").unwrap();
        }
    });
    let mut control = server.login();
    let mut names = |form: Form| {
        set(&mut control, form);
        let data = control.passive();
        control.command("NLST", 150);
        let wire = data.receive();
        control.expect(226);
        let text = String::from_utf8(Form::image(form.mode).to_file(&wire)).unwrap();
        let mut names: Vec<_> = text.lines().map(str::to_owned).collect();
        names.sort();
        names
    };
    let plain = names(Form::image('S'));
    assert_eq!(plain.len(), 2000);
    for form in Form::all() {
        assert!(names(form) == plain, "{form:?}");
    }
}

#[test]
fn zeros_are_compressed_in_mode_c() {
    let zeros = vec![0; 3 * 1024 * 1024];
    let server = Server::writable(|root| fs::write(root.join("zeros"), &zeros).unwrap());
    let mut control = server.login();
    let form = Form::image('C');
    set(&mut control, form);
    let wire = control.retrieve("zeros");
    assert!(wire.len() < zeros.len() / 10, "{} bytes", wire.len());
    assert!(form.to_file(&wire) == zeros);
    let wire = form.to_wire(&zeros);
    assert!(wire.len() < zeros.len() / 10, "{} bytes", wire.len());
    control.store("back", &wire);
    assert!(fs::read(server.file("back")).unwrap() == zeros);
}

/// Blocks of a part of a file, each followed by a restart marker with its offset.
fn marked_blocks(file: &[u8], from: usize, to: usize) -> Vec<u8> {
    let mut wire = Vec::new();
    for (number, block) in file[from..to].chunks(10_000).enumerate() {
        wire.extend(block_of(0, block));
        let here = from + number * 10_000 + block.len();
        wire.extend(block_of(16, format!("at-{here}").as_bytes()));
    }
    wire
}

/// Receives replies `110 MARK at-N = N`; returns the last N and the code of the reply after them.
fn marks(control: &mut Control) -> (Option<usize>, u16) {
    let mut last = None;
    loop {
        let reply = control.reply();
        if reply.code != 110 {
            return (last, reply.code);
        }
        let (theirs, ours) = reply.text().split_once(" = ").unwrap();
        assert_eq!(theirs, format!("MARK at-{ours}"));
        last = Some(ours.parse().unwrap());
    }
}

/// An upload of the first `part` bytes that is cut after its last marker is acknowledged; returns the
/// acknowledged offset.
fn cut_upload(server: &Server, file: &[u8], part: usize, cut: fn(TcpStream)) -> usize {
    let mut control = server.login();
    set(&mut control, Form::image('B'));
    let mut data = control.passive().stream();
    control.command("STOR f", 150);
    data.write_all(&marked_blocks(file, 0, part)).unwrap();
    let mut acknowledged = 0;
    while acknowledged < part {
        let reply = control.expect(110);
        let (_, ours) = reply.text().split_once(" = ").unwrap();
        acknowledged = ours.parse().unwrap();
    }
    // Unacknowledged bytes, which are lost.
    data.write_all(&block_of(0, &[b'?'; 5000])).unwrap();
    cut(data);
    control.expect(426);
    acknowledged
}

#[test]
fn cut_upload_is_restarted_at_its_last_marker() {
    let file = random_file(700_000, 3);
    for cut in [abort_connection as fn(TcpStream), drop] {
        let server = Server::writable(|root| fs::write(root.join("f"), "old").unwrap());
        let from = cut_upload(&server, &file, 350_000, cut);
        assert_eq!(from, 350_000);
        assert!(fs::read(server.file("f")).unwrap() == file[..from]);
        let mut control = server.login();
        set(&mut control, Form::image('B'));
        control.command(&format!("REST {from}"), 350);
        let mut data = control.passive().stream();
        control.command("STOR f", 150);
        let rest = marked_blocks(&file, from, file.len());
        data.write_all(&rest).unwrap();
        data.write_all(&block_of(64, b"")).unwrap();
        data.shutdown(Shutdown::Write).unwrap();
        assert_eq!(marks(&mut control), (Some(file.len()), 226));
        assert!(fs::read(server.file("f")).unwrap() == file);
        assert_eq!(server.names(), ["f"], "a name was left behind");
    }
}

#[test]
fn cut_upload_without_marker_is_discarded() {
    let server = Server::writable(|root| fs::write(root.join("f"), "old").unwrap());
    let mut control = server.login();
    set(&mut control, Form::image('B'));
    let mut data = control.passive().stream();
    control.command("STOR f", 150);
    data.write_all(&block_of(0, &vec![b'n'; 50_000])).unwrap();
    data.shutdown(Shutdown::Write).unwrap();
    control.expect(426);
    assert_eq!(fs::read(server.file("f")).unwrap(), b"old");
    assert_eq!(server.names(), ["f"], "a name was left behind");
}

#[test]
fn acknowledged_part_is_kept_when_the_client_disconnects() {
    let file = random_file(100_000, 4);
    let server = Server::writable(|_| {});
    let mut control = server.login();
    set(&mut control, Form::image('B'));
    let mut data = control.passive().stream();
    control.command("STOR f", 150);
    data.write_all(&marked_blocks(&file, 0, 10_000)).unwrap();
    control.expect(110);
    data.write_all(&file[..500]).unwrap_or_default();
    drop((control, data));
    server.wait_for_log("disconnected");
    let kept = crate::support::until("the part that was kept", || {
        // A login each time, as a delay.
        drop(server.login());
        fs::read(server.file("f")).ok()
    });
    assert!(kept == file[..10_000]);
}

#[test]
fn download_has_markers_and_is_restarted_at_each() {
    let file = random_file(2_500_000, 5);
    let server = Server::read_only(|root| fs::write(root.join("f"), &file).unwrap());
    let mut control = server.login();
    let form = Form::image('B');
    set(&mut control, form);
    let mut markers = Vec::new();
    of_blocks(&control.retrieve("f"), &mut |text, at| {
        assert_eq!(text, at.to_string().as_bytes());
        markers.push(at);
    });
    assert_eq!(markers, [1 << 20, 2 << 20]);
    for at in markers {
        control.command(&format!("REST {at}"), 350);
        let rest = form.to_file(&control.retrieve("f"));
        assert!(rest == file[at..], "from {at}");
    }
}

#[test]
fn text_download_is_restarted_at_a_marker() {
    let file: Vec<u8> = b"0123456789\n"
        .iter()
        .copied()
        .cycle()
        .take(1_500_000)
        .collect();
    let server = Server::read_only(|root| fs::write(root.join("f"), &file).unwrap());
    let mut control = server.login();
    for (data_type, structure) in [('A', 'F'), ('A', 'R'), ('E', 'F'), ('E', 'R')] {
        for mode in ['B', 'C'] {
            let form = Form {
                data_type,
                structure,
                mode,
            };
            set(&mut control, form);
            let at = 1 << 20;
            control.command(&format!("REST {at}"), 350);
            let rest = form.to_file(&control.retrieve("f"));
            assert!(rest == file[at..], "{form:?}");
        }
    }
}

#[test]
fn malformed_block_ends_the_upload() {
    let server = Server::writable(|_| {});
    let mut control = server.login();
    set(&mut control, Form::image('B'));
    let mut data = control.passive().stream();
    control.command("STOR f", 150);
    data.write_all(b"This is a text.").unwrap();
    control.expect(451);
    assert!(uninterrupted(|| data.read(&mut [0; 10])).map_or(true, |count| count == 0));
    assert!(server.names().is_empty());
}

#[cfg(feature = "mode-z")]
mod deflated {
    use super::*;

    #[test]
    fn level_is_set_by_opts_and_shown_by_stat() {
        let server =
            Server::read_only(|root| fs::write(root.join("f"), vec![b'x'; 100_000]).unwrap());
        let mut control = server.login();
        let features = control.command("FEAT", 211);
        assert!(features.lines.contains(&" MODE Z".to_owned()));
        for bad in [
            "",
            " Z",
            " Z LEVEL",
            " Z LEVEL 10",
            " Z LEVEL x",
            " B LEVEL 1",
        ] {
            control.command(&format!("OPTS MODE{bad}"), 501);
        }
        set(&mut control, Form::image('Z'));
        let mut lengths = Vec::new();
        for level in [0, 1, 9] {
            control.command(&format!("OPTS MODE Z LEVEL {level}"), 200);
            let shown = control.command("STAT", 211).lines.join("\n");
            assert!(
                shown.contains(&format!("MODE: Deflate, level {level}")),
                "{shown}"
            );
            lengths.push(control.retrieve("f").len());
        }
        assert!(lengths[0] > 100_000 && lengths[1] < 1000 && lengths[2] <= lengths[1]);
    }

    #[test]
    fn cut_stream_keeps_its_part_and_damaged_one_nothing() {
        let server = Server::writable(|_| {});
        let mut control = server.login();
        set(&mut control, Form::image('Z'));
        let wire = Form::image('Z').to_wire(b"some text, some text, some text");
        let mut damaged = wire.clone();
        *damaged.last_mut().unwrap() ^= 1;
        for (wire, code) in [
            (&wire[..wire.len() - 1], 426),
            (b"", 426),
            (&damaged, 451),
            (b"plain text", 451),
        ] {
            let data = control.passive();
            control.command("STOR f", 150);
            data.send(wire);
            control.expect(code);
        }
        let kept = fs::read(server.file("f")).unwrap();
        assert!(b"some text, some text, some text".starts_with(&kept));
        assert_eq!(server.names(), ["f"]);
    }

    #[test]
    fn decompression_bomb_needs_little_memory() {
        let server = Server::writable(|_| {});
        let mut control = server.login();
        set(&mut control, Form::image('Z'));
        let zeros = vec![0; 16 * 1024 * 1024];
        let before = server.resident();
        control.store("zeros", &wire::to_zlib(&zeros));
        assert_eq!(
            fs::metadata(server.file("zeros")).unwrap().len(),
            zeros.len() as u64
        );
        let grown = server.resident().saturating_sub(before);
        assert!(grown < 4 * 1024, "{grown} KiB more");
    }
}
