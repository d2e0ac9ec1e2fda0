//! A version of etcd.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A version such as `3.5.30` or `3.6.0-rc.1`. A pre-release comes before its release.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    /// 3 in 3.5.30.
    pub major: u16,
    /// 5 in 3.5.30.
    pub minor: u16,
    /// 30 in 3.5.30.
    pub patch: u16,
    /// What follows a hyphen.
    pub pre_release: Option<String>,
}

impl Version {
    /// A release.
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self { major, minor, patch, pre_release: None }
    }
}

/// The text is not a version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a version of etcd such as 3.5.30")]
pub struct NotAVersion(String);

impl FromStr for Version {
    type Err = NotAVersion;

    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let parse = || {
            let plain = text.strip_prefix('v').unwrap_or(text);
            let (numbers, pre_release) = match plain.split_once('-') {
                Some((numbers, rest)) => (numbers, Some(rest)),
                None => (plain, None),
            };
            let safe = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
            if pre_release.is_some_and(|rest| !safe(rest)) {
                return None;
            }
            let mut numbers = numbers.split('.').map(|number| {
                let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
                if digits { number.parse::<u16>().ok() } else { None }
            });
            let version = Self {
                major: numbers.next()??,
                minor: numbers.next()??,
                patch: numbers.next()??,
                pre_release: pre_release.map(str::to_owned),
            };
            numbers.next().is_none().then_some(version)
        };
        parse().ok_or_else(|| NotAVersion(text.to_owned()))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pre_release = self.pre_release.as_ref().map(|name| format!("-{name}")).unwrap_or_default();
        // Padded, so that versions can stand in a column.
        formatter.pad(&format!("{}.{}.{}{pre_release}", self.major, self.minor, self.patch))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let numbers = (self.major, self.minor, self.patch).cmp(&(other.major, other.minor, other.patch));
        numbers.then_with(|| match (&self.pre_release, &other.pre_release) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(left), Some(right)) => left.cmp(right),
        })
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions_are_read_and_ordered() {
        let sorted = ["3.4.23", "3.5.2", "3.5.16", "3.5.30", "3.6.0-rc.1", "3.6.0"].map(|text| text.parse::<Version>().unwrap());
        assert!(sorted.is_sorted());
        assert_eq!("v3.5.1".parse::<Version>().unwrap(), Version::new(3, 5, 1));
        assert_eq!(sorted[4].to_string(), "3.6.0-rc.1");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "banana", "3.5", "3.5.1.2", "3.5.x", "3.5.+1", "3.5.-1", "3.5.99999", "3.5.1-", "3.5.1-../..", " 3.5.1", "3.5.1/"]
        {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }
}
