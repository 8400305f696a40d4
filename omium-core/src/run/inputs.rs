//! What a call is given: a part of what it is known by, and kept so that a reader can see what changed.

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::value::encode;
use crate::error::{Error, Result};
use crate::id::Digest;
use crate::model::Blob;
use crate::run::Run;

/// The inputs of a call. Equal values have equal digests: a map has no order.
pub(crate) struct Inputs {
    pub blob: Blob,
    pub digest: Digest,
}

impl Inputs {
    pub(crate) fn of<T: Serialize + ?Sized>(what: &str, inputs: &T) -> Result<Inputs> {
        let blob = encode(what, &Borrowed(inputs))?;
        // What is written as no plain value keeps the order it was written in.
        let blob = match rmp_serde::from_slice::<Tree>(&blob.bytes) {
            Ok(tree) => encode(what, &tree)?,
            Err(_) => blob,
        };
        let digest = Digest::of(&blob.bytes);
        Ok(Inputs { blob, digest })
    }
}

struct Borrowed<'a, T: ?Sized>(&'a T);

impl<T: Serialize + ?Sized> Serialize for Borrowed<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Run {
    /// The same error, saying which inputs differ from those on record.
    pub(crate) fn explained(&self, error: Error, name: &str, inputs: Option<&Inputs>) -> Error {
        let Some(inputs) = inputs else { return error };
        let mut divergence = match error {
            Error::Divergence(divergence) => divergence,
            other => return other,
        };
        let recorded = divergence.seq.filter(|_| divergence.inputs_differ).and_then(|seq| {
            let entry = self.store().entry(self.id(), seq).ok().filter(|entry| entry.name() == name)?;
            let input = self.store().input(&entry).ok()??;
            rmp_serde::from_slice::<Tree>(&input.read().ok()?).ok()
        });
        if let (Some(recorded), Ok(now)) = (recorded, rmp_serde::from_slice::<Tree>(&inputs.blob.bytes)) {
            differences(String::new(), &recorded, &now, &mut divergence.differences);
        }
        Error::Divergence(divergence)
    }
}

/// A plain value: what MessagePack says without a type's help.
#[derive(Clone, Debug, PartialEq)]
enum Tree {
    Nil,
    Bool(bool),
    Int(i64),
    Large(u64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Tree>),
    /// Sorted by key.
    Map(Vec<(Tree, Tree)>),
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Tree::Nil => to.serialize_unit(),
            Tree::Bool(value) => to.serialize_bool(*value),
            Tree::Int(value) => to.serialize_i64(*value),
            Tree::Large(value) => to.serialize_u64(*value),
            Tree::Float(value) => to.serialize_f64(*value),
            Tree::Text(value) => to.serialize_str(value),
            Tree::Bytes(value) => to.serialize_bytes(value),
            Tree::List(elements) => {
                let mut list = to.serialize_seq(Some(elements.len()))?;
                elements.iter().try_for_each(|element| list.serialize_element(element))?;
                list.end()
            }
            Tree::Map(fields) => {
                let mut map = to.serialize_map(Some(fields.len()))?;
                fields.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Tree, D::Error> {
        from.deserialize_any(Trees)
    }
}

struct Trees;

impl<'de> Visitor<'de> for Trees {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a plain value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Nil)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(i64::try_from(value).map_or(Tree::Large(value), Tree::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<Tree, E> {
        Ok(Tree::Bytes(value.to_vec()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = elements.next_element()? {
            list.push(element);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Tree, A::Error> {
        let mut map: Vec<(Tree, Tree)> = Vec::new();
        while let Some(field) = fields.next_entry()? {
            map.push(field);
        }
        map.sort_by_cached_key(|(key, _)| rmp_serde::to_vec(key).unwrap_or_default());
        Ok(Tree::Map(map))
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const CHARS_MAX: usize = 60;
        match self {
            Tree::Nil => f.write_str("nil"),
            Tree::Bool(value) => value.fmt(f),
            Tree::Int(value) => value.fmt(f),
            Tree::Large(value) => value.fmt(f),
            Tree::Float(value) => value.fmt(f),
            Tree::Text(value) if value.chars().count() > CHARS_MAX => {
                write!(f, "{:?}...", value.chars().take(CHARS_MAX).collect::<String>())
            }
            Tree::Text(value) => write!(f, "{value:?}"),
            Tree::Bytes(value) => write!(f, "{} bytes", value.len()),
            Tree::List(elements) => write!(f, "a list of {}", elements.len()),
            Tree::Map(fields) => write!(f, "a map of {}", fields.len()),
        }
    }
}

/// How many differences a reader is told.
const DIFFERENCES_MAX: usize = 4;

fn differences(path: String, recorded: &Tree, now: &Tree, found: &mut Vec<String>) {
    if recorded == now || found.len() == DIFFERENCES_MAX {
        return;
    }
    let at = || if path.is_empty() { String::new() } else { format!("{path} ") };
    match (recorded, now) {
        (Tree::List(before), Tree::List(after)) if before.len() == after.len() => {
            for (index, (before, after)) in before.iter().zip(after).enumerate() {
                differences(format!("{path}[{index}]"), before, after, found);
            }
        }
        (Tree::Map(before), Tree::Map(after)) => fields(&path, before, after, found),
        _ => found.push(format!("{}was {recorded}, is {now}", at())),
    }
}

fn fields(path: &str, before: &[(Tree, Tree)], after: &[(Tree, Tree)], found: &mut Vec<String>) {
    let within = |key: &Tree| match key {
        Tree::Text(name) if path.is_empty() => name.clone(),
        Tree::Text(name) => format!("{path}.{name}"),
        other => format!("{path}[{other}]"),
    };
    let of = |fields: &[(Tree, Tree)], wanted: &Tree| {
        fields.iter().find(|(key, _)| key == wanted).map(|(_, value)| value.clone())
    };
    for (key, value) in before {
        match of(after, key) {
            Some(now) => differences(within(key), value, &now, found),
            None if found.len() < DIFFERENCES_MAX => found.push(format!("{} was {value}, is gone", within(key))),
            None => {}
        }
    }
    for (key, value) in after.iter().filter(|(key, _)| of(before, key).is_none()) {
        if found.len() < DIFFERENCES_MAX {
            found.push(format!("{} is new: {value}", within(key)));
        }
    }
}
