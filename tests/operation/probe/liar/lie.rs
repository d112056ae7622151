//! The ways in which the server of these tests misbehaves, one at a time.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What it does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "tls"), allow(dead_code, reason = "those of TLS"))]
pub(in crate::probe) enum Lie {
    /// Nothing.
    None,
    /// It sends these bytes in place of the greeting.
    Greeting(&'static str),
    /// It answers commands that begin so by this text, and does not execute them.
    Reply(&'static str, &'static str),
    /// FEAT has this line too.
    Feature(&'static str),
    /// FEAT lacks lines that begin so.
    Unclaimed(&'static str),
    /// FEAT lacks lines that begin so, and commands that begin so are unknown.
    Lacks(&'static str, &'static str),
    /// The lines of FEAT have no blank.
    UnindentedFeatures,
    /// The first connection gets its greeting late.
    SlowGreeting,
    /// Each reply takes a while.
    Slow,
    /// Commands in small letters are unknown.
    CaseSensitive,
    /// Telnet codes are part of a command.
    NoTelnet,
    /// A line of more than 512 bytes counts as several.
    SplitsLongLines,
    /// What comes with a command is lost.
    DropsPipelined,
    /// A session that says nothing for a moment is ended.
    ImpatientWithIdle,
    /// A session that says nothing for a moment is forgotten.
    ForgetsIdle,
    /// PASV tells this address.
    PasvAddress([u8; 4]),
    /// It listens on IPv6.
    OverIpv6,
    /// It listens on IPv6, and answers PASV there.
    PasvOverIpv6,
    /// PASV and EPSV tell a port at which nothing listens.
    DeadPorts,
    /// PASV has no parentheses.
    NoParentheses,
    /// Each passive port is the next one.
    PortsInOrder,
    /// PASV works after EPSV ALL.
    IgnoresEpsvAll,
    /// The first data connection is used, wherever it is from.
    TakesAnyConnection,
    /// A data connection from elsewhere ends the transfer.
    GivesUpOnStrangers,
    /// PORT may name any host.
    Bounces,
    /// PORT may name any port of the client.
    BouncesToLowPorts,
    /// Active data connections are refused.
    NeverConnects,
    /// Active data connections come from another address.
    ConnectsFromElsewhere,
    /// Listings have the line ends of Unix.
    UnixLines,
    /// LIST has this line too.
    ListLine(&'static str),
    /// MLSD has this line too.
    FactsLine(&'static str),
    /// LIST is longer than anyone reads.
    LongList,
    /// The first SIZE ends the session, and no other login is accepted.
    LocksOut,
    /// LIST lacks the files.
    HidesFiles,
    /// A file has this name, which is not UTF-8.
    Latin1Name,
    /// From the second time on, RETR sends a wrong byte.
    Flips,
    /// RETR of a missing file sends an empty one.
    SendsMissingFiles,
    /// SIZE is one less.
    SmallSizes,
    /// REST is answered, and RETR sends all.
    IgnoresRest,
    /// REST counts for all later transfers.
    KeepsRest,
    /// MDTM is in another zone than MLST.
    LocalMdtm,
    /// All dates are two hours early.
    LateClock,
    /// TYPE A changes nothing.
    NoAscii,
    /// TYPE A sends CR alone.
    WrongAscii,
    /// ABOR is not answered.
    IgnoresAbort,
    /// Uploads replace the first bytes of a file, and leave the rest.
    NeverTruncates,
    /// APPE is STOR.
    AppendReplaces,
    /// STOR after REST begins at the end of the file.
    RestAppends,
    /// Uploads that end by a reset are called complete.
    TrustsResets,
    /// DELE is answered, and does nothing.
    KeepsDeleted,
    /// Names are stored in Latin-1, with question marks.
    StoresLatin1,
    /// Blanks before a name are removed.
    TrimsNames,
    /// After AUTH, the connection is closed.
    NoHandshake,
    /// Commands from before the handshake count after it.
    ObeysInjected,
    /// TLS 1.0 and 1.1 are accepted.
    OldTls,
    /// Only TLS 1.2 is spoken.
    No13,
    /// Only TLS 1.3 is spoken.
    No12,
    /// No session can be resumed, and none is required.
    NeverResumes,
    /// A data connection needs no session.
    Unbound,
    /// Data connections end without `close_notify`.
    NoCloseNotify,
    /// With PROT P, data goes in the clear.
    ClearWithProtP,
    /// PROT C is accepted.
    AllowsProtC,
}

impl Lie {
    /// The address that the server listens on.
    pub(super) const fn local(self) -> IpAddr {
        match self {
            Self::OverIpv6 | Self::PasvOverIpv6 => IpAddr::V6(Ipv6Addr::LOCALHOST),
            _ => IpAddr::V4(Ipv4Addr::LOCALHOST),
        }
    }
}
