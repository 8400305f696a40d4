//! Values between a program and its record. A program gets what was recorded, decoded, live as on a resume.

use std::any::type_name;
use std::fmt;

use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{Error, Result};
use crate::model::{Blob, Entry};
use crate::store::{Store, Value};

/// What is to be recorded, and what whoever reads it gets.
pub(crate) struct Recordable<T> {
    pub blob: Blob,
    pub value: T,
}

impl<T: Serialize + DeserializeOwned> Recordable<T> {
    /// Refuses a value that could not be read again: it would end every resume.
    pub(crate) fn of(what: &str, value: &T) -> Result<Recordable<T>> {
        let blob = encode(what, value)?;
        match rmp_serde::from_slice(&blob.bytes) {
            Ok(value) => Ok(Recordable { blob, value }),
            Err(source) => Err(Error::NotSerializable {
                what: format!(
                    "what {what} returned is written as {}, which cannot be read back as {}: it was not recorded; give \
                     the type a form that serde reads as it writes it",
                    shape(&blob.bytes),
                    type_name::<T>()
                ),
                source: source.into(),
            }),
        }
    }
}

pub(crate) fn encode<T: Serialize>(what: &str, value: &T) -> Result<Blob> {
    let bytes = rmp_serde::to_vec_named(value);
    bytes.map(Blob::msgpack).map_err(|source| Error::NotSerializable {
        what: format!("{what} cannot be recorded: serde does not write {} as MessagePack", type_name::<T>()),
        source: source.into(),
    })
}

/// What omium itself has recorded of something.
pub(crate) fn decode_own<T: DeserializeOwned>(what: &str, value: Option<Value>) -> Result<T> {
    let bytes = value.map(|value| value.read()).transpose()?.unwrap_or_default();
    rmp_serde::from_slice(&bytes).map_err(|source| unreadable::<T>(what, &bytes, source))
}

/// The value of an entry, as the type that its code expects now.
pub(crate) fn decode<T: DeserializeOwned>(store: &Store, entry: &Entry) -> Result<T> {
    let place = || format!("{}@{} ({} {:?})", entry.execution(), entry.seq(), entry.kind().as_str(), entry.name());
    let bytes = store.value(entry)?.map(|value| value.read()).transpose()?.unwrap_or_default();
    rmp_serde::from_slice(&bytes).map_err(|source| unreadable::<T>(&place(), &bytes, source))
}

fn unreadable<T>(what: &str, bytes: &[u8], source: rmp_serde::decode::Error) -> Error {
    Error::NotSerializable {
        what: format!(
            "{what} is on record as {}, which the code cannot read as {}: restore the type, or fork from before it",
            shape(bytes),
            type_name::<T>()
        ),
        source: source.into(),
    }
}

/// What encoded bytes are, without what they say: messages end up in logs.
fn shape(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "nothing".to_owned();
    }
    let shape = rmp_serde::from_slice::<Shape>(bytes);
    shape.map_or_else(|_| format!("{} bytes of another codec", bytes.len()), |shape| shape.0)
}

struct Shape(String);

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Shape, D::Error> {
        deserializer.deserialize_any(Shapes).map(Shape)
    }
}

struct Shapes;

impl<'de> Visitor<'de> for Shapes {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<String, E> {
        Ok("a bool".to_owned())
    }

    fn visit_i64<E>(self, _: i64) -> Result<String, E> {
        Ok("an integer".to_owned())
    }

    fn visit_u64<E>(self, _: u64) -> Result<String, E> {
        Ok("an integer".to_owned())
    }

    fn visit_f64<E>(self, _: f64) -> Result<String, E> {
        Ok("a float".to_owned())
    }

    fn visit_str<E>(self, text: &str) -> Result<String, E> {
        Ok(format!("a string of {} bytes", text.len()))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<String, E> {
        Ok(format!("{} bytes", bytes.len()))
    }

    fn visit_unit<E>(self) -> Result<String, E> {
        Ok("nil".to_owned())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<String, A::Error> {
        let mut count = 0;
        while elements.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(format!("a list of {count}"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<String, A::Error> {
        const NAMED: usize = 8;
        let mut count = 0;
        let mut names = Vec::new();
        while let Some(name) = fields.next_key::<Key>()? {
            fields.next_value::<IgnoredAny>()?;
            names.extend(name.0.filter(|_| count < NAMED));
            count += 1;
        }
        let more = if count > names.len() { ", ..." } else { "" };
        Ok(format!("a map of {count} ({}{more})", names.join(", ")))
    }
}

/// The key of a map, if it is a name.
struct Key(Option<String>);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Any {
            Name(String),
            Other(IgnoredAny),
        }
        Any::deserialize(deserializer).map(|key| match key {
            Any::Name(name) => Key(Some(name)),
            Any::Other(_) => Key(None),
        })
    }
}
