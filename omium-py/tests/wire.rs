//! The heads of msgpack values, on any bytes at all: nothing panics, reads beyond the input or believes a length.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "../src/codec/wire.rs"]
mod wire;

use proptest::prelude::*;
use wire::{Head, Malformed, head, skip};

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_a_value_or_malformed(bytes in proptest::collection::vec(any::<u8>(), 0..96), at in 0..100usize) {
        match head(&bytes, at) {
            Ok((found, next)) => {
                prop_assert!(at < next && next <= bytes.len());
                let left = bytes.len() - next;
                match found {
                    Head::Str(len) | Head::Bin(len) | Head::Ext(_, len) | Head::Array(len) => prop_assert!(len <= left),
                    Head::Map(len) => prop_assert!(2 * len <= left),
                    _ => {}
                }
            }
            Err(Malformed { at: fault, .. }) => prop_assert_eq!(fault, at),
        }
        if at < bytes.len() && let Ok(end) = skip(&bytes, at) {
            prop_assert!(at < end && end <= bytes.len());
            prop_assert_eq!(skip(&bytes[..end], at), Ok(end), "what follows a value does not change where it ends");
            prop_assert!((at..end).all(|cut| skip(&bytes[..cut], at).is_err()), "a value that is cut off has no end");
        }
    }

    #[test]
    fn skip_ends_where_a_value_was_written_to(value in value(), tail in proptest::collection::vec(any::<u8>(), 0..8)) {
        let end = value.len();
        prop_assert_eq!(skip(&[value, tail].concat(), 0), Ok(end));
    }
}

/// The bytes of one value, nested and of every family of types.
fn value() -> impl Strategy<Value = Vec<u8>> {
    use rmp::encode as msgpack;
    let written = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        write(&mut out);
        out
    };
    let leaf = prop_oneof![
        any::<i64>().prop_map(move |v| written(&|out| _ = msgpack::write_sint(out, v).unwrap())),
        any::<u64>().prop_map(move |v| written(&|out| _ = msgpack::write_uint(out, v).unwrap())),
        any::<f64>().prop_map(move |v| written(&|out| msgpack::write_f64(out, v).unwrap())),
        any::<bool>().prop_map(move |v| written(&|out| msgpack::write_bool(out, v).unwrap())),
        any::<String>().prop_map(move |v| written(&|out| msgpack::write_str(out, &v).unwrap())),
        proptest::collection::vec(any::<u8>(), 0..300)
            .prop_map(move |v| written(&|out| msgpack::write_bin(out, &v).unwrap())),
        (any::<i8>(), proptest::collection::vec(any::<u8>(), 0..40)).prop_map(move |(code, data)| {
            written(&|out| {
                msgpack::write_ext_meta(out, data.len() as u32, code).unwrap();
                out.extend_from_slice(&data);
            })
        }),
    ];
    leaf.prop_recursive(4, 64, 20, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..20).prop_map(move |items| {
                let head = written(&|out| _ = msgpack::write_array_len(out, items.len() as u32).unwrap());
                [head, items.concat()].concat()
            }),
            proptest::collection::vec((inner.clone(), inner), 0..20).prop_map(move |entries| {
                let head = written(&|out| _ = msgpack::write_map_len(out, entries.len() as u32).unwrap());
                entries.iter().fold(head, |all, (key, item)| [&all[..], key, item].concat())
            }),
        ]
    })
}

#[test]
fn counts_beyond_the_input_are_refused_before_room_is_made() {
    for tag in [0xc6, 0xdb, 0xdd, 0xdf] {
        let bytes = [tag, 0xff, 0xff, 0xff, 0xff, 0xc0, 0xc0];
        assert_eq!(head(&bytes, 0).unwrap_err().reason, "the value is cut off");
    }
}

#[test]
fn nested_counts_that_add_up_to_more_than_the_input_end_early() {
    let bytes = vec![0x93; 1 << 20];
    assert!(skip(&bytes, 0).is_err());
}

#[test]
fn a_million_levels_cost_no_stack() {
    let mut bytes = vec![0x91; 1_000_000];
    bytes.push(0xc0);
    assert_eq!(skip(&bytes, 0), Ok(bytes.len()));
}
