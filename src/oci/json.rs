//! JSON that two programs may read differently is refused; absent and null are one.
//!
//! Go's decoder ignores the case of keys: a document with `config` and `Config` is two documents, one for us and
//! one for Docker. None of what is accepted here has such a twin.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// Reads a field that may be `null` as its default.
pub fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// The first key of `object` that differs from one of `known`, or from another key, only by case.
pub fn twin_key<'a>(object: &'a Map<String, Value>, known: &[&str]) -> Option<&'a str> {
    let mut seen = std::collections::HashSet::new();
    object.keys().map(String::as_str).find(|key| {
        let misspelt = known
            .iter()
            .any(|known| known != key && known.eq_ignore_ascii_case(key));
        misspelt || !seen.insert(key.to_ascii_lowercase())
    })
}

/// A set of names, written as Go writes a set: an object of empty objects.
pub mod set {
    use std::collections::{BTreeMap, BTreeSet};

    use serde::ser::SerializeMap;
    use serde::{Deserialize, Deserializer, Serializer};
    use serde_json::{Map, Value};

    /// Writes `{"a":{},"b":{}}`.
    pub fn serialize<S: Serializer>(
        set: &BTreeSet<String>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(set.len()))?;
        for name in set {
            map.serialize_entry(name, &Map::<String, Value>::new())?;
        }
        map.end()
    }

    /// Reads it back; what stands behind the names does not matter.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeSet<String>, D::Error> {
        let map = Option::<BTreeMap<String, serde::de::IgnoredAny>>::deserialize(deserializer)?;
        Ok(map.unwrap_or_default().into_keys().collect())
    }
}

/// A command as a list of words; Docker also takes one string for a list of one word.
pub mod words {
    use serde::{Deserialize, Deserializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Words {
        List(Vec<String>),
        One(String),
    }

    /// Reads a list, a string, or null.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<String>>, D::Error> {
        Ok(
            Option::<Words>::deserialize(deserializer)?.map(|words| match words {
                Words::List(list) => list,
                Words::One(word) => vec![word],
            }),
        )
    }
}
