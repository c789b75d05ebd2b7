//! Who is calling, by address: the peer, or what trusted proxies say in front of it. Owns which
//! word of `X-Forwarded-For` is believed, and the prefix by which callers are told apart.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;

/// The most entries of `X-Forwarded-For` that are looked at, counted from the right: more proxies
/// than that stand in no chain.
const MOST_HOPS: usize = 16;

/// The longest entry that can be an address, in characters: a bracketed IPv6 address of 45 with a
/// port of 5.
const LONGEST_ENTRY: usize = 53;

/// The networks whose word about the caller is believed (`AUTH_TRUSTED_PROXIES`, `MCP_TRUSTED_PROXIES`). None by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// A text that is no list of networks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("trusted proxies are addresses or networks like 10.0.0.0/8, separated by commas; this is none: {0:?}")]
pub struct NotANetwork(String);

impl TrustedProxies {
    fn hold(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl fmt::Display for TrustedProxies {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, network) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            write!(formatter, "{separator}{network}")?;
        }
        Ok(())
    }
}

impl FromStr for TrustedProxies {
    type Err = NotANetwork;

    /// Reads networks and single addresses, separated by commas; an empty text trusts nobody.
    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let network = |entry: &str| {
            let single = || entry.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
            entry.parse::<IpNet>().or_else(|_| single()).map_err(|_| NotANetwork(entry.to_owned()))
        };
        entries.map(network).collect::<Result<_, _>>().map(Self)
    }
}

/// The caller's address. `peer` is the other end of the connection; `forwarded_for` are the values
/// of all `X-Forwarded-For` header lines, in the order in which they came; bytes, because a line that
/// is no text must end the walk and not be left out of it.
///
/// Each proxy writes at the right end whom it heard. So the list is walked from the right for as
/// long as the one who wrote the entry is trusted; the first address that is not is the caller.
/// Everything further left is that caller's own word, and never counts. An entry that is no
/// address ends the walk: the trusted hop that wrote it counts, as it does where the list ends.
#[must_use]
pub fn caller_address(peer: IpAddr, forwarded_for: &[&[u8]], trusted: &TrustedProxies) -> IpAddr {
    let mut hop = peer.to_canonical();
    let entries = forwarded_for.iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b','));
    for entry in entries.take(MOST_HOPS) {
        if !trusted.hold(hop) {
            break;
        }
        let Some(address) = entry_address(entry) else { break };
        hop = address;
    }
    hop
}

/// The address of an entry: bare, in brackets, or with a port, as proxies write them.
fn entry_address(entry: &[u8]) -> Option<IpAddr> {
    let entry = entry.trim_ascii();
    if entry.len() > LONGEST_ENTRY {
        return None;
    }
    let entry = str::from_utf8(entry).ok()?;
    let bracketed = || entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let with_port = || entry.parse::<SocketAddr>().ok().map(|address| address.ip());
    let address = entry.parse().ok().or_else(bracketed).or_else(with_port)?;
    Some(address.to_canonical())
}

/// What one caller can be told apart by: a whole IPv4 address, or the /64 of an IPv6 address, since
/// one subscriber holds all addresses of a /64. An IPv4 address written as IPv6 is the IPv4 one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressPrefix(IpAddr);

impl From<IpAddr> for AddressPrefix {
    fn from(address: IpAddr) -> Self {
        /// The bits of an IPv6 address that its holder chooses freely.
        const INTERFACE_BITS: u32 = 64;
        Self(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => {
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> INTERFACE_BITS << INTERFACE_BITS))
            }
        })
    }
}

impl fmt::Display for AddressPrefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => address.fmt(formatter),
            IpAddr::V6(address) => write!(formatter, "{address}/64"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn caller(peer: &str, forwarded_for: &[&str], trusted: &str) -> String {
        let lines: Vec<&[u8]> = forwarded_for.iter().map(|line| line.as_bytes()).collect();
        caller_address(peer.parse().unwrap(), &lines, &trusted.parse().unwrap()).to_string()
    }

    #[test]
    fn without_trusted_proxies_the_peer_is_the_caller() {
        assert_eq!(caller("203.0.113.7", &["198.51.100.1"], ""), "203.0.113.7");
        assert_eq!(caller("203.0.113.7", &[], "10.0.0.0/8"), "203.0.113.7");
    }

    #[test]
    fn behind_trusted_proxies_the_rightmost_untrusted_entry_is_the_caller() {
        let trusted = "10.0.0.0/8, fd00::/8";
        assert_eq!(caller("10.0.0.1", &["198.51.100.1"], trusted), "198.51.100.1");
        assert_eq!(caller("10.0.0.1", &["6.6.6.6, 198.51.100.1, 10.0.0.2"], trusted), "198.51.100.1");
        assert_eq!(caller("fd00::1", &["2001:db8::5"], trusted), "2001:db8::5");
        assert_eq!(caller("::ffff:10.0.0.1", &["::ffff:198.51.100.1"], trusted), "198.51.100.1");
    }

    #[test]
    fn a_header_line_that_the_caller_sent_himself_counts_for_nothing() {
        assert_eq!(caller("10.0.0.1", &["6.6.6.6", "198.51.100.1"], "10.0.0.1"), "198.51.100.1");
    }

    #[test]
    fn an_entry_may_be_bracketed_and_may_have_a_port() {
        for (entry, address) in [
            ("198.51.100.1:4711", "198.51.100.1"),
            ("[2001:db8::5]", "2001:db8::5"),
            ("[2001:db8::5]:4711", "2001:db8::5"),
            ("\t198.51.100.1 ", "198.51.100.1"),
            ("[1111:2222:3333:4444:5555:6666:123.123.123.123]:65535", "1111:2222:3333:4444:5555:6666:7b7b:7b7b"),
        ] {
            assert_eq!(caller("10.0.0.1", &[entry], "10.0.0.1"), address, "{entry:?}");
        }
    }

    #[test]
    fn at_a_malformed_entry_the_last_trusted_hop_counts() {
        for wrong in ["", "unknown", "_hidden", "1.2.3", "1.2.3.4.5", "[::1", "1.2.3.4:99999", &"1".repeat(10_000)] {
            let line = format!("6.6.6.6, {wrong}, 10.0.0.2");
            assert_eq!(caller("10.0.0.1", &[&line], "10.0.0.0/8"), "10.0.0.2", "{wrong:?}");
        }
    }

    #[test]
    fn a_line_that_is_no_text_does_not_uncover_the_line_before_it() {
        let (peer, trusted) = (IpAddr::from([10, 0, 0, 1]), "10.0.0.1".parse().unwrap());
        assert_eq!(caller_address(peer, &[b"6.6.6.6", b"\xff"], &trusted), peer);
        assert_eq!(caller_address(peer, &[b"\xff, 198.51.100.1"], &trusted).to_string(), "198.51.100.1");
    }

    #[test]
    fn where_everybody_is_trusted_the_leftmost_hop_counts() {
        assert_eq!(caller("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.0/8"), "10.0.0.3");
    }

    #[test]
    fn entries_beyond_the_most_hops_are_not_looked_at() {
        let trusted_hops = vec!["10.0.0.2"; MOST_HOPS].join(",");
        assert_eq!(caller("10.0.0.1", &["6.6.6.6", &trusted_hops], "10.0.0.0/8"), "10.0.0.2");
    }

    #[test]
    fn a_text_that_names_no_network_is_refused_by_name() {
        assert_eq!("10.0.0.0/8, proxy".parse::<TrustedProxies>(), Err(NotANetwork("proxy".to_owned())));
        assert!("10.0.0.0/33".parse::<TrustedProxies>().is_err());
    }

    #[test]
    fn a_prefix_is_a_whole_ipv4_address_or_a_64_of_ipv6() {
        let prefix = |text: &str| AddressPrefix::from(text.parse::<IpAddr>().unwrap());
        assert_ne!(prefix("198.51.100.1"), prefix("198.51.100.2"));
        assert_eq!(prefix("198.51.100.1"), prefix("::ffff:198.51.100.1"));
        assert_eq!(prefix("2001:db8:1:2:3:4:5:6"), prefix("2001:db8:1:2::"));
        assert_ne!(prefix("2001:db8:1:2::"), prefix("2001:db8:1:3::"));
        assert_eq!(prefix("2001:db8:1:2:3:4:5:6").to_string(), "2001:db8:1:2::/64");
    }

    fn any_entry() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            any::<IpAddr>().prop_map(|address| address.to_string().into_bytes()),
            (0..10u8).prop_map(|host| format!("10.0.0.{host}").into_bytes()),
            vec(any::<u8>(), 0..60),
        ]
    }

    proptest! {
        #[test]
        fn an_untrusted_peers_header_never_matters(peer: IpAddr, lines in vec(vec(any_entry(), 0..20), 0..3)) {
            let trusted: TrustedProxies = "10.0.0.0/8, fd00::/8".parse().unwrap();
            prop_assume!(!trusted.hold(peer.to_canonical()));
            let lines: Vec<Vec<u8>> = lines.iter().map(|entries| entries.join(&b',')).collect();
            let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
            prop_assert_eq!(caller_address(peer, &lines, &trusted), peer.to_canonical());
        }

        #[test]
        fn what_stands_left_of_the_caller_never_matters(caller: IpAddr, forged in vec(any_entry(), 0..20)) {
            let trusted: TrustedProxies = "10.0.0.0/8".parse().unwrap();
            prop_assume!(!trusted.hold(caller.to_canonical()));
            let line = [forged.join(&b','), format!(",{caller},10.0.0.2").into_bytes()].concat();
            let peer = IpAddr::from([10, 0, 0, 1]);
            prop_assert_eq!(caller_address(peer, &[&line], &trusted), caller.to_canonical());
        }
    }
}
