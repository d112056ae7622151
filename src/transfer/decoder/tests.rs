//! Round trips through encoder and decoder for every split, and malformed input.

use super::*;
use crate::protocol::deflate::Level;
use crate::transfer::encoder::WireEncoder;
use crate::transfer::representation::FormatControl;
use proptest::prelude::*;

fn representations() -> Vec<Representation> {
    let mut all = Vec::new();
    let format = FormatControl::NonPrint;
    for data_type in [
        DataType::Image,
        DataType::Ascii(format),
        DataType::Ebcdic(format),
    ] {
        for structure in [Structure::File, Structure::Record] {
            let deflate = Level::DEFAULT.map(Mode::Deflate);
            let modes = [Mode::Stream, Mode::Block, Mode::Compressed];
            for mode in modes.into_iter().chain(deflate) {
                let representation = Representation {
                    data_type,
                    structure,
                    mode,
                };
                if representation.is_served() && !representation.is_verbatim() {
                    all.push(representation);
                }
            }
        }
    }
    all
}

fn encoded(representation: Representation, file: &[u8], size: usize) -> Vec<u8> {
    let mut encoder = WireEncoder::for_file(representation).unwrap();
    let (mut text, mut wire, mut offset) = (Vec::new(), Vec::new(), 0);
    for piece in file.chunks(size) {
        encoder.encode(piece, &mut text, &mut wire).unwrap();
        offset += piece.len() as u64;
        encoder.mark(offset, &mut wire);
    }
    encoder.finish(&mut wire).unwrap();
    wire
}

/// Decodes to the file, and whether its end was reached. Checks the offset of each marker.
fn decoded(representation: Representation, wire: &[u8], size: usize) -> (Vec<u8>, bool) {
    let mut decoder = WireDecoder::for_file(representation).unwrap();
    let mut file = Vec::new();
    for mut input in wire.chunks(size) {
        loop {
            let mut out = Vec::new();
            let progress = decoder.decode(&mut input, &mut out).unwrap();
            file.extend(out);
            match progress {
                DecodeProgress::NeedsInput => break,
                DecodeProgress::OutputFull => {}
                DecodeProgress::Marker(marker) => {
                    assert!(decoder.may_mark());
                    assert_eq!(marker.text(), file.len().to_string().as_bytes());
                }
                DecodeProgress::Ended => return (file, true),
            }
        }
    }
    let ended = decoder.close(&mut file).is_ok();
    (file, ended)
}

proptest! {
    #[test]
    fn round_trip_for_any_split(
        file in proptest::collection::vec(prop_oneof![
            Just(b'\n'), Just(b' '), Just(0), Just(255), any::<u8>(),
        ], 0..300),
        cut in 1..100_usize,
        size in 1..100_usize,
    ) {
        // In TYPE A, CR LF and LF in the file are the same on the wire.
        let text: Vec<u8> = file.iter().copied().filter(|&byte| byte != b'\r').collect();
        for representation in representations() {
            let is_ascii = matches!(representation.data_type, DataType::Ascii(_));
            let file = if is_ascii { &text } else { &file };
            let wire = encoded(representation, file, cut);
            let (found, ended) = decoded(representation, &wire, size);
            prop_assert!(ended, "{}", representation);
            prop_assert_eq!(&found, file, "{}", representation);
        }
    }

    #[test]
    fn garbage_does_not_panic(wire: Vec<u8>, size in 1..9_usize) {
        for representation in representations() {
            let mut decoder = WireDecoder::for_file(representation).unwrap();
            'wire: for mut input in wire.chunks(size) {
                loop {
                    match decoder.decode(&mut input, &mut Vec::new()) {
                        Ok(DecodeProgress::NeedsInput) => break,
                        Ok(DecodeProgress::Ended) | Err(Malformed) => break 'wire,
                        Ok(_) => {}
                    }
                }
            }
        }
    }
}

#[test]
fn missing_end_mark_is_an_error_if_mode_has_one() {
    for representation in representations() {
        let mut wire = encoded(representation, b"one\ntwo\n", 3);
        let has_no_mark =
            representation.mode == Mode::Stream && representation.structure == Structure::File;
        // MODE C ends with an empty string, which is optional.
        let is_compressed = representation.mode == Mode::Compressed;
        wire.truncate(wire.len() - 1 - usize::from(is_compressed));
        let (_, ended) = decoded(representation, &wire, 100);
        assert_eq!(ended, has_no_mark, "{representation}");
        let decoder = WireDecoder::for_file(representation).unwrap();
        assert_eq!(decoder.announces_end(), !has_no_mark && !is_compressed);
    }
}

#[test]
fn markers_pass_in_block_and_compressed_mode() {
    for mode in [Mode::Block, Mode::Compressed] {
        let representation = Representation {
            mode,
            ..Representation::default()
        };
        let wire = encoded(representation, b"abc", 1);
        let mut decoder = WireDecoder::for_file(representation).unwrap();
        let (mut input, mut markers) = (wire.as_slice(), 0);
        while !input.is_empty() {
            let progress = decoder.decode(&mut input, &mut Vec::new()).unwrap();
            markers += usize::from(matches!(progress, DecodeProgress::Marker(_)));
        }
        assert_eq!(markers, 3, "{representation}");
    }
}

#[test]
fn marker_between_cr_and_lf_does_not_count() {
    let representation = Representation {
        mode: Mode::Block,
        ..Representation::default()
    };
    for (before, may_mark) in [(&b"\0\0\x02a\r"[..], false), (b"\0\0\x02ab", true)] {
        let mut decoder = WireDecoder::for_file(representation).unwrap();
        let wire = [before, b"\x10\0\x01m", b"\0\0\x01\n"].concat();
        let (mut input, mut out) = (wire.as_slice(), Vec::new());
        let progress = decoder.decode(&mut input, &mut out).unwrap();
        let is_marker = matches!(progress, DecodeProgress::Marker(_));
        assert!(is_marker, "{progress:?}");
        assert_eq!(decoder.may_mark(), may_mark);
        decoder.decode(&mut input, &mut out).unwrap();
        assert!(decoder.may_mark());
    }
}

#[test]
fn decode_call_stops_at_output_limit_and_continues() {
    for data_type in [DataType::Image, DataType::default()] {
        let representation = Representation {
            data_type,
            mode: Mode::Compressed,
            ..Representation::default()
        };
        let mut decoder = WireDecoder::for_file(representation).unwrap();
        let wire = vec![0xff; 10_000];
        let (mut input, mut total) = (wire.as_slice(), 0);
        loop {
            let mut out = Vec::new();
            let progress = decoder.decode(&mut input, &mut out).unwrap();
            assert!(out.len() <= ROOM + 63);
            total += out.len();
            if progress == DecodeProgress::NeedsInput {
                break;
            }
        }
        assert_eq!(total, 63 * wire.len());
    }
}

/// A complete compressed stream can contain a truncated file.
#[cfg(feature = "mode-z")]
#[test]
fn compressed_stream_with_truncated_file_is_malformed() {
    let level = Level::DEFAULT.unwrap();
    let representation = Representation {
        data_type: DataType::Image,
        structure: Structure::Record,
        mode: Mode::Deflate(level),
    };
    let decoded = |records: &[u8]| {
        let mut wire = Vec::new();
        let mut deflater = crate::protocol::deflate::Deflater::new(level);
        deflater.deflate(records, &mut wire).unwrap();
        deflater.finish(&mut wire).unwrap();
        let mut decoder = WireDecoder::for_file(representation).unwrap();
        decoder.decode(&mut wire.as_slice(), &mut Vec::new())
    };
    assert_eq!(decoded(b"one\xff\x01two"), Err(Malformed));
    let whole = decoded(b"one\xff\x01two\xff\x03");
    assert_eq!(whole, Ok(DecodeProgress::Ended));
}
