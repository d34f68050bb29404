//! What an address is to be kept by, checked: nothing of it can be nonsense to keepalived any more.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ipnet::IpNet;

/// The longest name of an interface, in bytes, which is the kernel's.
const INTERFACE_MAX: usize = 15;
/// The most addresses of a family that adverts carry.
const VIPS_MAX: usize = 20;
/// The longest time between two adverts that VRRP 3 can say, in ms; they count in hundredths of a second.
const ADVERT_MAX_MS: u32 = 40_950;

/// What was asked for.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) interface: String,
    pub(super) vips: Vec<Vip>,
    pub(super) peers: Vec<IpAddr>,
    pub(super) sources: Vec<IpAddr>,
    pub(super) is_multicast: bool,
    pub(super) node: char,
    pub(super) router_id: u8,
    pub(super) priority: u8,
    pub(super) advert_ms: u32,
    pub(super) files: Files,
}

/// Where what is, on the node.
#[derive(Debug, Clone)]
pub(super) struct Files {
    pub(super) program: PathBuf,
    pub(super) data: PathBuf,
    pub(super) track: PathBuf,
    pub(super) run: PathBuf,
    pub(super) move_script: Option<PathBuf>,
    pub(super) user: String,
}

/// An address with the length of its network's prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct Vip(pub(super) IpNet);

/// One of the two families: an instance of VRRP 3 is of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Family {
    V4,
    V6,
}

/// What makes no sense, and what would.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(in crate::cli) enum PlanError {
    #[error("--{option}: expected {expected}, found {found}")]
    Unfit {
        option: &'static str,
        expected: String,
        found: String,
    },
    #[error(
        "--vip {vip} is {family}, and no --peer is: the two nodes send each other adverts within one family; give the other \
         node's {family} address as a further --peer, or --multicast"
    )]
    NoPeer { vip: Vip, family: Family },
    #[error(
        "--peer {peer} needs --source with this node's own IPv6 address: without one keepalived speaks from the interface's \
         link-local address, which the other node takes no adverts from"
    )]
    NoSource { peer: IpAddr },
    #[error(
        "--{option} {address} is {family}, and no --vip is; leave it out, or give an {family} address that is to move"
    )]
    NoVip {
        option: &'static str,
        address: IpAddr,
        family: Family,
    },
    #[error("--{one} and --{other} are both {address}: {why}")]
    Same {
        one: &'static str,
        other: &'static str,
        address: IpAddr,
        why: &'static str,
    },
}

impl Family {
    pub(super) const ALL: [Family; 2] = [Family::V4, Family::V6];

    pub(super) fn of(address: IpAddr) -> Family {
        match address {
            IpAddr::V4(_) => Family::V4,
            IpAddr::V6(_) => Family::V6,
        }
    }
}

impl Display for Family {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        })
    }
}

impl Display for Vip {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Vip {
    type Err = String;

    fn from_str(text: &str) -> Result<Vip, String> {
        let example = "an address with the length of its prefix, such as 10.0.0.10/24 or fd00::10/64";
        if text.parse::<IpAddr>().is_ok() {
            return Err(format!(
                "expected {example}, found one without: as /32 or /128 nobody in its network might find it"
            ));
        }
        text.parse()
            .map(Vip)
            .map_err(|_| format!("expected {example}, found {text:?}"))
    }
}

impl Plan {
    /// The families of the addresses that move.
    pub(super) fn families(&self) -> Vec<Family> {
        let mut families = Family::ALL.to_vec();
        families.retain(|family| self.vips.iter().any(|vip| vip.family() == *family));
        families
    }

    /// The plan again, where it makes sense.
    pub(super) fn checked(self) -> Result<Plan, PlanError> {
        self.check_words()?;
        self.check_addresses()?;
        self.check_families()?;
        Ok(self)
    }

    fn check_words(&self) -> Result<(), PlanError> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || "._-@:".contains(c);
        let interface = &self.interface;
        if interface.is_empty() || interface.len() > INTERFACE_MAX || !interface.chars().all(is_name) {
            return Err(PlanError::Unfit {
                option: "interface",
                expected: format!("the name of an interface, of 1 to {INTERFACE_MAX} characters"),
                found: format!("{interface:?}"),
            });
        }
        let user = &self.files.user;
        if user.is_empty()
            || !user
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        {
            return Err(PlanError::Unfit {
                option: "user",
                expected: "the name of a user".to_owned(),
                found: format!("{user:?}"),
            });
        }
        if !(10..=ADVERT_MAX_MS).contains(&self.advert_ms) || !self.advert_ms.is_multiple_of(10) {
            return Err(PlanError::Unfit {
                option: "advert-ms",
                expected: format!("10 to {ADVERT_MAX_MS} ms in steps of 10, which is what VRRP 3 can say"),
                found: self.advert_ms.to_string(),
            });
        }
        let files = &self.files;
        let paths = [
            ("program", Some(&files.program)),
            ("data", Some(&files.data)),
            ("track", Some(&files.track)),
            ("run", Some(&files.run)),
            ("move-script", files.move_script.as_ref()),
        ];
        let unfit = paths
            .iter()
            .find(|(_, path)| path.is_some_and(|path| !is_plain(path)));
        match unfit {
            Some((option, path)) => Err(PlanError::Unfit {
                option,
                expected:
                    "an absolute path of letters, digits and ._-/, which keepalived takes apart as it stands"
                        .to_owned(),
                found: format!(
                    "{:?}",
                    path.map(|path| path.display().to_string()).unwrap_or_default()
                ),
            }),
            None => self.check_folders(),
        }
    }

    /// The folders of these files are given to the service's user.
    fn check_folders(&self) -> Result<(), PlanError> {
        let files = &self.files;
        let paths = [("track", &files.track), ("run", &files.run)];
        match paths.iter().find(|(_, path)| is_in_the_machine_s(path)) {
            Some((option, path)) => Err(PlanError::Unfit {
                option,
                expected: "a file in a folder that is the service's alone, such as /run/ringside-pair/track"
                    .to_owned(),
                found: format!("{:?}", path.display().to_string()),
            }),
            None => Ok(()),
        }
    }

    fn check_addresses(&self) -> Result<(), PlanError> {
        let vips: Vec<IpAddr> = self.vips.iter().map(|vip| vip.0.addr()).collect();
        for vip in &self.vips {
            if let Some(why) = vip.unfit() {
                return Err(PlanError::Unfit {
                    option: "vip",
                    expected: "the address of one host in its network".to_owned(),
                    found: format!("{vip}, {why}"),
                });
            }
        }
        for (option, addresses) in [("peer", &self.peers), ("source", &self.sources)] {
            if let Some(address) = addresses.iter().find(|address| is_nobodys(**address)) {
                return Err(PlanError::Unfit {
                    option,
                    expected: "a node's own address".to_owned(),
                    found: format!("{address}, which is no host's"),
                });
            }
        }
        let lists = [("vip", &vips), ("peer", &self.peers), ("source", &self.sources)];
        for (nth, (one, addresses)) in lists.iter().enumerate() {
            let mut seen = BTreeSet::new();
            for &address in *addresses {
                if !seen.insert(address) {
                    let why = "once is enough";
                    return Err(PlanError::Same {
                        one,
                        other: one,
                        address,
                        why,
                    });
                }
                let (other, why) = match lists[..nth].iter().find(|(_, others)| others.contains(&address)) {
                    Some((other @ "vip", _)) => (other, "the address that moves is no node's own"),
                    Some((other, _)) => (other, "--peer is the other node, --source this one"),
                    None => continue,
                };
                return Err(PlanError::Same {
                    one: other,
                    other: one,
                    address,
                    why,
                });
            }
        }
        Ok(())
    }

    fn check_families(&self) -> Result<(), PlanError> {
        let families = self.families();
        for (option, addresses) in [("peer", &self.peers), ("source", &self.sources)] {
            for family in Family::ALL {
                let mut those = addresses.iter().filter(|address| Family::of(**address) == family);
                let (first, second) = (those.next(), those.next());
                if let (Some(_), Some(second)) = (first, second) {
                    return Err(PlanError::Unfit {
                        option,
                        expected: format!("one {family} address: a pair has two nodes"),
                        found: format!("{second} too"),
                    });
                }
                if let Some(address) = first.filter(|_| !families.contains(&family)) {
                    let address = *address;
                    return Err(PlanError::NoVip {
                        option,
                        address,
                        family,
                    });
                }
            }
        }
        for &vip in &self.vips {
            let family = vip.family();
            if !self.is_multicast && self.of(family, &self.peers).is_none() {
                return Err(PlanError::NoPeer { vip, family });
            }
            if let (false, Family::V6, Some(peer)) = (self.is_multicast, family, self.of(family, &self.peers))
                && self.of(family, &self.sources).is_none()
            {
                return Err(PlanError::NoSource { peer });
            }
            let count = self.vips.iter().filter(|vip| vip.family() == family).count();
            if count > VIPS_MAX {
                return Err(PlanError::Unfit {
                    option: "vip",
                    expected: format!(
                        "at most {VIPS_MAX} {family} addresses, which is what an advert carries"
                    ),
                    found: count.to_string(),
                });
            }
        }
        Ok(())
    }

    /// The one of `addresses` that is of `family`.
    pub(super) fn of(&self, family: Family, addresses: &[IpAddr]) -> Option<IpAddr> {
        addresses
            .iter()
            .copied()
            .find(|address| Family::of(*address) == family)
    }
}

impl Vip {
    pub(super) fn family(self) -> Family {
        Family::of(self.0.addr())
    }

    /// Why it cannot be a host's.
    fn unfit(self) -> Option<&'static str> {
        let IpNet::V4(net) = self.0 else {
            return is_nobodys(self.0.addr())
                .then_some("which is no host's")
                .or((self.0.prefix_len() == 0).then_some("whose network is everything"));
        };
        let is_small = net.prefix_len() >= 31;
        match net.addr() {
            address if is_nobodys(address.into()) => Some("which is no host's"),
            _ if net.prefix_len() == 0 => Some("whose network is everything"),
            address if !is_small && address == net.network() => Some("which is the network itself"),
            address if !is_small && address == net.broadcast() => Some("which is everybody in the network"),
            _ => None,
        }
    }
}

fn is_nobodys(address: IpAddr) -> bool {
    let is_broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    is_broadcast || address.is_unspecified() || address.is_multicast() || address.is_loopback()
}

fn is_plain(path: &Path) -> bool {
    let is_of_path = |c: char| c.is_ascii_alphanumeric() || "._-/+".contains(c);
    path.is_absolute() && path.to_str().is_some_and(|path| path.chars().all(is_of_path))
}

/// Whether it lies in a folder such as `/run` or `/var/lib`, which others use too.
fn is_in_the_machine_s(file: &Path) -> bool {
    let above = file.parent().and_then(Path::parent);
    above.is_none_or(|above| ["/", "/var"].iter().any(|shared| above == Path::new(shared)))
}

#[cfg(test)]
pub(super) mod tests;
