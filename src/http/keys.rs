//! Keys: who may ask, and for what. The file holds hashes of them; a key itself is seen once, by whoever made it.
//!
//! A key carries 256 bits of chance, so that one SHA-256 of it is as good as a slow hash: there is no dictionary to try.
//! Invariants: a key is found by its id and proven by its hash, compared in constant time, with the same work for ids
//! that nobody has; a key that was revoked stays in the file, so that revoking the last one opens nothing.
//!
//! A secret that was chosen elsewhere has no id in it. It is hashed like the others, and what is shown in no key's form is
//! compared with every such hash, in constant time and to the end of the list, which is short: an index by hash would
//! tell by its time how far a guess's hash agrees with one that is there.

mod chosen;
mod file;
mod token;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::access::Scope;

pub use chosen::Chosen;
pub use file::{KeysError, edit};
pub use token::Token;
use token::{Hash, Id};

/// The longest name of a key, in characters.
const NAME_MAX: usize = 64;
/// The most secrets that were chosen elsewhere, those that count no more among them: each is compared with whatever is
/// shown in no key's form.
const CHOSEN_MAX: usize = 256;

/// One key, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Eight hexadecimal digits, which stand in the key as well.
    pub id: Id,
    /// Whose it is; several keys may have one name while one takes another's place.
    pub name: Arc<str>,
    /// SHA-256 of the whole key.
    sha256: Hash,
    /// What it allows.
    pub scopes: Arc<[Scope]>,
    /// When it was made, in seconds since 1970.
    pub created_s: u64,
    /// From when on it counts no more, in seconds since 1970.
    pub expires_s: Option<u64>,
    /// When it was revoked, in seconds since 1970.
    pub revoked_s: Option<u64>,
    /// Whether it was chosen elsewhere, so that its id does not stand in it.
    #[serde(default, skip_serializing_if = "is_not")]
    pub chosen: bool,
}

/// The keys that there are.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    keys: Vec<Key>,
    by_id: HashMap<Id, usize>,
    /// Where in `keys` those are that were chosen, oldest first.
    chosen: Vec<usize>,
}

/// Why a key does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejected {
    /// Nobody has it.
    Unknown,
    /// It is one, and its time is over.
    Expired,
    /// It is one, and was revoked.
    Revoked,
}

/// The keys in force, and the file that they come from. Shared by all listeners and the administration.
#[derive(Debug)]
pub struct Keys {
    file: Option<PathBuf>,
    ring: ArcSwap<Keyring>,
    /// As of `ring`, for every request that needs to know nothing more.
    is_empty: AtomicBool,
    /// Held by whoever reads the file again: what was read first must not be put in place last.
    reloading: Mutex<()>,
}

impl Key {
    /// Whether it counts at `now_s`.
    pub fn is_valid(&self, now_s: u64) -> bool {
        self.revoked_s.is_none() && self.expires_s.is_none_or(|expires| now_s < expires)
    }
}

impl Keyring {
    fn new(keys: Vec<Key>) -> Keyring {
        let by_id = keys.iter().enumerate().map(|(at, key)| (key.id, at)).collect();
        let chosen = (0..keys.len()).filter(|at| keys[*at].chosen).collect();
        Keyring { keys, by_id, chosen }
    }

    /// All keys, oldest first, those that count no more among them.
    pub fn all(&self) -> &[Key] {
        &self.keys
    }

    /// Whether there is none, not even one that was revoked.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whose key `shown` is, if it counts at `now_s`.
    ///
    /// # Errors
    /// Why it does not; that it is expired or revoked is told to nobody but who has it.
    pub fn identify(&self, shown: &[u8], now_s: u64) -> Result<&Key, Rejected> {
        let hash = Hash::of(shown);
        let known = match Id::of_shown(shown) {
            Some(id) => {
                let known = self.by_id.get(&id).and_then(|at| self.keys.get(*at));
                // The work is the same where there is no such key.
                let none = Hash::NONE;
                let expected = known.map_or(&none, |key| &key.sha256);
                let is_same = expected.ct_eq(&hash);
                known.filter(|_| bool::from(is_same))
            }
            None => self.identify_chosen(&hash),
        };
        match known {
            None => Err(Rejected::Unknown),
            Some(key) if key.revoked_s.is_some() => Err(Rejected::Revoked),
            Some(key) if !key.is_valid(now_s) => Err(Rejected::Expired),
            Some(key) => Ok(key),
        }
    }

    /// The newest key with `hash` of those that were chosen; a secret may be entered again once it counts no more.
    fn identify_chosen(&self, hash: &Hash) -> Option<&Key> {
        let keys = self.chosen.iter().filter_map(|at| self.keys.get(*at));
        keys.fold(None, |newest, key| {
            if bool::from(key.sha256.ct_eq(hash)) {
                Some(key)
            } else {
                newest
            }
        })
    }

    /// Makes a key for `name` that allows `scopes`, until `expires_s`. The token is the only copy.
    ///
    /// # Errors
    /// A name that cannot be, or no chance to be had from the system.
    pub fn add(
        &mut self,
        name: &str,
        scopes: Vec<Scope>,
        now_s: u64,
        expires_s: Option<u64>,
    ) -> Result<(&Key, Token), KeysError> {
        check_name(name)?;
        let token = self.random()?;
        let key = Key {
            id: token.id(),
            name: name.into(),
            sha256: token.hash(),
            scopes: scopes.into(),
            created_s: now_s,
            expires_s,
            revoked_s: None,
            chosen: false,
        };
        Ok((self.push(key), token))
    }

    /// Enters `secret`, which another system has chosen, as a key for `name` that allows `scopes`, until `expires_s`.
    ///
    /// # Errors
    /// A name that cannot be, a secret that counts already, too many of them, or no chance to be had from the system.
    pub fn enter(
        &mut self,
        name: &str,
        secret: &Chosen,
        scopes: Vec<Scope>,
        now_s: u64,
        expires_s: Option<u64>,
    ) -> Result<&Key, KeysError> {
        check_name(name)?;
        if self.identify(secret.as_bytes(), now_s).is_ok() {
            return Err(KeysError::SameSecret);
        }
        if self.chosen.len() >= CHOSEN_MAX {
            return Err(KeysError::TooManyChosen { most: CHOSEN_MAX });
        }
        let key = Key {
            id: self.random()?.id(),
            name: name.into(),
            sha256: Hash::of(secret.as_bytes()),
            scopes: scopes.into(),
            created_s: now_s,
            expires_s,
            revoked_s: None,
            chosen: true,
        };
        Ok(self.push(key))
    }

    /// A token with an id that no key has.
    fn random(&self) -> Result<Token, KeysError> {
        loop {
            let token = Token::random()?;
            if !self.by_id.contains_key(&token.id()) {
                return Ok(token);
            }
        }
    }

    fn push(&mut self, key: Key) -> &Key {
        let at = self.keys.len();
        self.by_id.insert(key.id, at);
        if key.chosen {
            self.chosen.push(at);
        }
        self.keys.push(key);
        &self.keys[at]
    }

    /// Lets the keys of `name` expire at `at_s`, or when they would have, whichever is first; gives back how many that
    /// concerns.
    pub fn expire(&mut self, name: &str, now_s: u64, at_s: u64) -> usize {
        let concerned = self
            .keys
            .iter_mut()
            .filter(|key| *key.name == *name && key.is_valid(now_s));
        concerned
            .map(|key| key.expires_s = Some(key.expires_s.map_or(at_s, |before| before.min(at_s))))
            .count()
    }

    /// Revokes the key with the id `which`, or else all keys of that name; gives them back.
    pub fn revoke(&mut self, which: &str, now_s: u64) -> Vec<Key> {
        let has_id = |key: &Key| key.id.to_string() == which;
        let by_id = self.keys.iter().any(has_id);
        let concerned = self
            .keys
            .iter_mut()
            .filter(|key| if by_id { has_id(key) } else { *key.name == *which });
        concerned
            .map(|key| {
                key.revoked_s.get_or_insert(now_s);
                key.clone()
            })
            .collect()
    }
}

impl Keys {
    /// No keys, from no file.
    pub fn none() -> Arc<Keys> {
        Arc::new(Keys {
            file: None,
            ring: ArcSwap::default(),
            is_empty: AtomicBool::new(true),
            reloading: Mutex::default(),
        })
    }

    /// The keys of `file`; none where there is no such file.
    ///
    /// # Errors
    /// The file cannot be read, or is not one of keys.
    pub fn open(file: &Path) -> Result<Arc<Keys>, KeysError> {
        let ring = file::read(file)?.unwrap_or_default();
        Ok(Arc::new(Keys {
            file: Some(file.to_owned()),
            is_empty: AtomicBool::new(ring.is_empty()),
            reloading: Mutex::default(),
            ring: ArcSwap::from_pointee(ring),
        }))
    }

    /// The keys as they are now.
    pub fn ring(&self) -> arc_swap::Guard<Arc<Keyring>> {
        self.ring.load()
    }

    /// Whether there are none, valid or not.
    pub fn is_empty(&self) -> bool {
        self.is_empty.load(Ordering::Acquire)
    }

    /// The file that they come from.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Reads the file again; gives back how many keys there are. Whatever is wrong with it, the keys stay as they were;
    /// also where there were some and the file is gone, since nobody takes keys away by that.
    ///
    /// # Errors
    /// As [`Keys::open`], and a file that is gone.
    pub fn reload(&self) -> Result<usize, KeysError> {
        let Some(file) = &self.file else {
            return Ok(0);
        };
        let _one_by_one = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let ring = match file::read(file)? {
            Some(ring) => ring,
            None if self.ring.load().is_empty() => Keyring::default(),
            None => return Err(KeysError::Gone(file.clone())),
        };
        let (count, is_empty) = (ring.all().len(), ring.is_empty());
        self.ring.store(Arc::new(ring));
        self.is_empty.store(is_empty, Ordering::Release);
        Ok(count)
    }
}

fn check_name(name: &str) -> Result<(), KeysError> {
    let fits = (1..=NAME_MAX).contains(&name.chars().count()) && !name.contains(char::is_control);
    if fits && name.trim() == name {
        Ok(())
    } else {
        Err(KeysError::Name)
    }
}

/// For serde.
fn is_not(is: &bool) -> bool {
    !is
}

/// Now, in seconds since 1970.
pub fn now_s() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use super::*;

    #[test]
    fn a_key_is_proven_by_all_of_it() {
        let mut ring = Keyring::default();
        let (_, token) = ring.add("pbx", vec![Scope::Lookup], 100, Some(200)).unwrap();
        let shown = token.expose().as_bytes().to_vec();
        assert_eq!(&*ring.identify(&shown, 199).unwrap().name, "pbx");
        assert_eq!(ring.identify(&shown, 200).unwrap_err(), Rejected::Expired);
        for at in 0..shown.len() {
            let mut other = shown.clone();
            other[at] ^= 1;
            // Not even that it has expired is told to who has another key.
            assert_eq!(ring.identify(&other, 200).unwrap_err(), Rejected::Unknown, "{at}");
        }
        assert_eq!(ring.identify(&shown[..54], 100).unwrap_err(), Rejected::Unknown);
        assert_eq!(ring.identify(b"", 100).unwrap_err(), Rejected::Unknown);
        let id = ring.all()[0].id.to_string();
        assert_eq!(ring.revoke(&id, 150).len(), 1);
        assert_eq!(ring.identify(&shown, 199).unwrap_err(), Rejected::Revoked);
        assert!(!ring.is_empty());
    }

    #[test]
    fn a_key_of_a_name_takes_the_place_of_another() {
        let mut ring = Keyring::default();
        ring.add("pbx", vec![Scope::Lookup], 0, None).unwrap();
        ring.add("pbx", vec![Scope::Lookup], 0, Some(50)).unwrap();
        ring.add("ivr", vec![Scope::Lookup], 0, None).unwrap();
        assert_eq!(ring.expire("pbx", 10, 100), 2);
        let expiries: Vec<_> = ring.all().iter().map(|key| key.expires_s).collect();
        assert_eq!(expiries, [Some(100), Some(50), None]);
        assert_eq!(ring.expire("pbx", 60, 70), 1, "one has expired by then");
        assert_eq!(ring.revoke("pbx", 60).len(), 2);
        assert!(ring.revoke("nobody", 60).is_empty());
    }

    #[test]
    fn a_secret_that_was_chosen_is_found_and_proven_by_its_hash() {
        let mut ring = Keyring::default();
        let text = "CRM~0123456789abcdefghijklmnopqrst";
        let secret = Chosen::read(text.as_bytes()).unwrap();
        ring.enter("crm", &secret, vec![Scope::Lookup], 100, Some(200))
            .unwrap();
        ring.add("pbx", vec![Scope::Lookup], 100, None).unwrap();
        let whose = |ring: &Keyring, shown: &str, now_s| {
            ring.identify(shown.as_bytes(), now_s)
                .map(|key| key.name.to_string())
        };
        assert_eq!(whose(&ring, text, 199), Ok("crm".to_owned()));
        assert_eq!(whose(&ring, text, 200), Err(Rejected::Expired));
        assert_eq!(whose(&ring, &text[1..], 199), Err(Rejected::Unknown));
        assert_eq!(whose(&ring, &format!("{text} "), 199), Err(Rejected::Unknown));
        let again = ring.enter("crm", &secret, vec![], 150, None);
        assert!(matches!(again, Err(KeysError::SameSecret)));
        ring.revoke("crm", 160);
        assert_eq!(whose(&ring, text, 170), Err(Rejected::Revoked));
        ring.enter("crm2", &secret, vec![Scope::Lookup], 170, None)
            .unwrap();
        assert_eq!(
            whose(&ring, text, 170),
            Ok("crm2".to_owned()),
            "the newest counts"
        );
        assert_ne!(ring.all()[0].id, ring.all()[2].id);
    }

    #[test]
    fn secrets_that_were_chosen_are_few() {
        let mut ring = Keyring::default();
        let mut enter = |nth: usize| {
            let secret = Chosen::read(format!("abcdefgh{nth:032}").as_bytes()).unwrap();
            ring.enter("crm", &secret, vec![], 0, None).map(drop)
        };
        (0..CHOSEN_MAX).for_each(|nth| enter(nth).unwrap());
        assert!(matches!(enter(CHOSEN_MAX), Err(KeysError::TooManyChosen { .. })));
    }

    #[test]
    fn names_are_harmless() {
        let mut ring = Keyring::default();
        for name in ["", "a\nb", " a", &"a".repeat(65)] {
            assert!(
                matches!(ring.add(name, vec![], 0, None), Err(KeysError::Name)),
                "{name:?}"
            );
        }
        assert!(ring.is_empty());
    }

    #[test]
    fn a_broken_or_missing_file_leaves_the_keys_as_they_were() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("keys.json");
        let keys = Keys::open(&file).unwrap();
        assert_eq!(keys.reload().unwrap(), 0);
        edit(&file, |ring| {
            ring.add("pbx", vec![Scope::Lookup], 0, None).map(drop)
        })
        .unwrap();
        assert_eq!(keys.reload().unwrap(), 1);
        std::fs::write(&file, "{").unwrap();
        let error = keys.reload().unwrap_err().to_string();
        assert!(error.contains("keys.json"), "{error}");
        std::fs::remove_file(&file).unwrap();
        assert!(matches!(keys.reload(), Err(KeysError::Gone(_))));
        assert_eq!(keys.ring().all().len(), 1);
    }
}
