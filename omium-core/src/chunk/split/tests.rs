use proptest::prelude::*;
use serde_json_like::Json;

use super::*;

fn joined(bytes: &[u8], pieces: &[Piece]) -> Vec<u8> {
    pieces
        .iter()
        .flat_map(|piece| match piece {
            Piece::Literal(range) | Piece::Chunk(range) => bytes[range.clone()].to_vec(),
        })
        .collect()
}

fn chunks(bytes: &[u8], grammar: Grammar) -> std::collections::HashSet<Vec<u8>> {
    cut(bytes, grammar)
        .into_iter()
        .filter_map(|piece| match piece {
            Piece::Chunk(range) => Some(bytes[range].to_vec()),
            Piece::Literal(_) => None,
        })
        .collect()
}

fn messages(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("message {i}: {}", "words and more words ".repeat(50 + i % 7))).collect()
}

mod serde_json_like {
    /// Just enough JSON to write test inputs with.
    #[derive(Clone, Debug)]
    pub enum Json {
        Text(String),
        List(Vec<Json>),
        Map(Vec<(String, Json)>),
    }

    impl Json {
        pub fn write(&self, out: &mut String, space: &str) {
            match self {
                Json::Text(text) => out.push_str(&format!("{text:?}").replace("\\'", "'").replace("\\u{", "u{")),
                Json::List(items) => {
                    out.push('[');
                    for (i, item) in items.iter().enumerate() {
                        out.push_str(if i > 0 { "," } else { "" });
                        out.push_str(space);
                        item.write(out, space);
                    }
                    out.push(']');
                }
                Json::Map(items) => {
                    out.push('{');
                    for (i, (key, item)) in items.iter().enumerate() {
                        out.push_str(if i > 0 { "," } else { "" });
                        out.push_str(space);
                        Json::Text(key.clone()).write(out, space);
                        out.push(':');
                        item.write(out, space);
                    }
                    out.push_str(space);
                    out.push('}');
                }
            }
        }
    }
}

#[test]
fn an_append_leaves_every_other_chunk_alone() {
    for grammar in [Grammar::MessagePack, Grammar::Json] {
        let encode = |messages: &[String]| match grammar {
            Grammar::Json => {
                let mut out = String::new();
                Json::List(messages.iter().cloned().map(Json::Text).collect()).write(&mut out, " ");
                out.into_bytes()
            }
            _ => rmp_serde::to_vec(messages).unwrap(),
        };
        let all = messages(60);
        let (before, after) = (chunks(&encode(&all[..59]), grammar), chunks(&encode(&all), grammar));
        assert!(before.len() >= 59, "{grammar:?} cut per element");
        assert!(after.difference(&before).count() <= 2, "{grammar:?}");
    }
}

#[test]
fn small_elements_share_chunks_and_an_insertion_disturbs_few() {
    let numbers: Vec<u32> = (0..20_000).map(|i| i * 7919).collect();
    let mut changed = numbers.clone();
    changed.insert(3, 1);
    let grammar = Grammar::MessagePack;
    let (before, after) = (
        chunks(&rmp_serde::to_vec(&numbers).unwrap(), grammar),
        chunks(&rmp_serde::to_vec(&changed).unwrap(), grammar),
    );
    assert!(before.len() < 120, "{} chunks", before.len());
    assert!(after.difference(&before).count() <= 4, "{}", after.difference(&before).count());
}

#[test]
fn a_map_is_cut_at_its_values_and_a_large_leaf_by_content() {
    let big = "x y z ".repeat(60_000) + "tail";
    let map: std::collections::BTreeMap<&str, &str> = [("big", big.as_str()), ("small", "1")].into();
    let bytes = rmp_serde::to_vec(&map).unwrap();
    let pieces = cut(&bytes, Grammar::MessagePack);
    assert_eq!(joined(&bytes, &pieces), bytes);
    assert!(pieces.len() > 6, "{}", pieces.len());
}

#[test]
fn depth_costs_no_stack() {
    let mut deep = vec![0x91u8; 1_000_000];
    deep.push(0xc0);
    assert_eq!(joined(&deep, &cut(&deep, Grammar::MessagePack)), deep);
    let deep = [vec![b'['; 1_000_000], vec![b']'; 1_000_000]].concat();
    assert_eq!(joined(&deep, &cut(&deep, Grammar::Json)), deep);
}

fn json() -> impl Strategy<Value = Json> {
    let leaf = "[ -~]{0,400}".prop_map(Json::Text);
    leaf.prop_recursive(5, 60, 12, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..12).prop_map(Json::List),
            proptest::collection::vec(("[a-z]{1,9}", inner), 0..12).prop_map(Json::Map),
        ]
    })
}

proptest! {
    #[test]
    fn pieces_join_to_the_same_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..5000)) {
        for grammar in [Grammar::MessagePack, Grammar::Json, Grammar::Opaque] {
            prop_assert_eq!(joined(&bytes, &cut(&bytes, grammar)), bytes.clone());
        }
    }

    #[test]
    fn json_pieces_join_to_the_same_bytes(value in json(), space in "[ \n]{0,2}") {
        let mut text = String::new();
        value.write(&mut text, &space);
        let bytes = text.into_bytes();
        prop_assert_eq!(joined(&bytes, &cut(&bytes, Grammar::Json)), bytes.clone());
    }

    #[test]
    fn the_same_bytes_are_cut_the_same_way(texts in proptest::collection::vec("[ -~]{0,900}", 0..40)) {
        let bytes = rmp_serde::to_vec(&texts).unwrap();
        prop_assert_eq!(cut(&bytes, Grammar::MessagePack), cut(&bytes, Grammar::MessagePack));
        prop_assert_eq!(joined(&bytes, &cut(&bytes, Grammar::MessagePack)), bytes.clone());
    }
}
