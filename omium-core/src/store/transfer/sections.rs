//! How the parts of an exported run stand one after the other.

use crate::error::{Damage, Result};

/// Byte strings one after the other, each with its length in front.
#[derive(Default)]
pub(super) struct Sections {
    pub bytes: Vec<u8>,
}

impl Sections {
    pub fn count(&mut self, count: usize) {
        self.bytes.extend_from_slice(&(count as u64).to_le_bytes());
    }

    pub fn add(&mut self, section: &[u8]) {
        self.count(section.len());
        self.bytes.extend_from_slice(section);
    }

    pub fn many(&mut self, sections: impl ExactSizeIterator<Item = Result<Vec<u8>>>) -> Result<()> {
        self.count(sections.len());
        for section in sections {
            self.add(&section?);
        }
        Ok(())
    }
}

/// Takes them out again, within bounds.
pub(super) struct Reader<'a> {
    pub rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn number(&mut self) -> Result<usize> {
        let (number, rest) = self.rest.split_first_chunk::<8>().ok_or(Damage::Length("an exported run"))?;
        self.rest = rest;
        usize::try_from(u64::from_le_bytes(*number)).map_err(|_| Damage::Length("an exported run").into())
    }

    pub fn take(&mut self) -> Result<&'a [u8]> {
        let len = self.number()?;
        let (section, rest) = self.rest.split_at_checked(len).ok_or(Damage::Length("an exported run"))?;
        self.rest = rest;
        Ok(section)
    }

    pub fn many<T>(&mut self, mut read: impl FnMut(&'a [u8]) -> Result<T>) -> Result<Vec<T>> {
        let count = self.number()?;
        // Grown as sections are really there: a count alone allocates nothing.
        let mut found = Vec::new();
        for _ in 0..count {
            found.push(read(self.take()?)?);
        }
        Ok(found)
    }

    pub fn pairs(&mut self) -> Result<Vec<(i64, &'a [u8])>> {
        let count = self.number()?;
        let mut found = Vec::new();
        for _ in 0..count {
            let row = self.take()?.try_into().map_err(|_| Damage::Length("an exported run"))?;
            found.push((i64::from_le_bytes(row), self.take()?));
        }
        Ok(found)
    }
}
