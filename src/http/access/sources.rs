//! Whence requests may come: networks, as `10.0.0.0/8`, `2001:db8::/32` or a single address.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// Networks from which one may come; none: from anywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Sources(Vec<Network>);

/// A network of addresses. An IPv4 address inside of IPv6 (`::ffff:10.0.0.1`) is the IPv4 address, here and in what
/// is asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

impl Sources {
    /// These networks alone.
    pub fn new(networks: impl IntoIterator<Item = Network>) -> Sources {
        Sources(networks.into_iter().collect())
    }

    /// Whether nothing is said, so that everybody may come.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one may come from `address`.
    pub fn admit(&self, address: IpAddr) -> bool {
        self.0.is_empty() || self.0.iter().any(|network| network.contains(address))
    }
}

impl Network {
    /// Whether `address` is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Network, String> {
        let unfit = || {
            let found: String = text.chars().take(60).collect();
            format!(
                "expected a network such as 10.0.0.0/8 or 2001:db8::/32, or an IP address; found {found:?}; correct it"
            )
        };
        let network = match text.parse::<IpNet>() {
            Ok(network) => network,
            Err(_) => IpNet::from(text.parse::<IpAddr>().map_err(|_| unfit())?),
        };
        // A slip in the address or in the length, and nobody can tell which.
        if network.trunc() != network {
            return Err(format!(
                "expected a network, found {network}, an address inside of {}; write the network, or {}/{} for that \
                 address alone",
                network.trunc(),
                network.addr(),
                network.max_prefix_len()
            ));
        }
        Ok(Network(match network {
            IpNet::V6(six) => match (six.addr().to_ipv4_mapped(), six.prefix_len().checked_sub(96)) {
                (Some(four), Some(length)) => Ipv4Net::new(four, length).map_err(|_| unfit())?.into(),
                _ => network,
            },
            IpNet::V4(_) => network,
        }))
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Network, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    fn sources(texts: &[&str]) -> Sources {
        Sources::new(texts.iter().map(|text| text.parse().unwrap()))
    }

    #[test]
    fn a_mapped_address_is_the_address_that_it_maps() {
        let ten = sources(&["10.0.0.0/8", "2001:db8::/32", "::1"]);
        for inside in ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8:1::1", "::1"] {
            assert!(ten.admit(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["11.0.0.1", "::ffff:11.0.0.1", "::10.1.2.3", "2001:db9::1", "::2"] {
            assert!(!ten.admit(outside.parse().unwrap()), "{outside}");
        }
        let mapped = sources(&["::ffff:10.0.0.0/104", "::ffff:192.0.2.1"]);
        for inside in ["10.1.2.3", "::ffff:10.1.2.3", "192.0.2.1"] {
            assert!(mapped.admit(inside.parse().unwrap()), "{inside}");
        }
        assert!(!mapped.admit("192.0.2.2".parse().unwrap()));
        assert!(Sources::default().admit("192.0.2.2".parse().unwrap()));
    }

    #[test]
    fn what_is_no_network_is_told() {
        for text in ["", "10.0.0.0/33", "ten", "10.0.0.0/", "/8", "10.0.0/8", "::1/129"] {
            let error = text.parse::<Network>().unwrap_err();
            assert!(error.contains("expected a network such as"), "{error}");
        }
        let error = "10.1.2.3/8".parse::<Network>().unwrap_err();
        assert!(
            error.contains("inside of 10.0.0.0/8") && error.contains("10.1.2.3/32"),
            "{error}"
        );
    }

    proptest! {
        #[test]
        fn networks_hold_what_shares_their_first_bits(network: u32, other: u32, flip in 0_u32..33, length in 0_u8..33) {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            let text = format!("{}/{length}", Ipv4Addr::from(network & mask));
            let sources = sources(&[&text]);
            let near = 1_u32.checked_shl(flip).map_or(network, |bit| network ^ bit);
            for address in [other, near, network] {
                let four = Ipv4Addr::from(address);
                let expected = address & mask == network & mask;
                prop_assert_eq!(sources.admit(four.into()), expected, "{} {}", text, four);
                prop_assert_eq!(sources.admit(four.to_ipv6_mapped().into()), expected, "{} {}", text, four);
            }
        }

        #[test]
        fn so_do_those_of_six(network: u128, other: u128, flip in 0_u32..129, length in 0_u8..129) {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            let base = Ipv6Addr::from(network & mask);
            prop_assume!(base.to_ipv4_mapped().is_none());
            let sources = sources(&[&format!("{base}/{length}")]);
            let near = 1_u128.checked_shl(flip).map_or(network, |bit| network ^ bit);
            for address in [other, near, network] {
                let six = Ipv6Addr::from(address);
                prop_assume!(six.to_ipv4_mapped().is_none());
                prop_assert_eq!(sources.admit(six.into()), address & mask == network & mask);
            }
        }

        #[test]
        fn no_text_is_too_odd(text in "\\PC{0,60}") {
            let _either = text.parse::<Network>();
        }
    }
}
