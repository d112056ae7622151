//! The faults of data connections: passive and active mode (RFC 959 §3.2, RFC 2428, RFC 2577).
//!
//! A table: how a fault is found is known to the checks.

use super::faults;

faults! {
    PASV_ADDRESS = error "pasv-address",
        "Clients that connect to the address in the reply (Windows ftp, old libraries, devices) get \
         no data.",
        "Advertise the address that clients reach: behind NAT, that of the router.",
        "passive.address";
    PASV_OTHER_ADDRESS = warning "pasv-other-address",
        "Clients that take another address for an attack (curl, browsers) ignore it. The others \
         connect to it.",
        "Keep it behind NAT or for a second host only. Otherwise advertise the local address.",
        "passive.address";
    PASV_UNREACHABLE = error "pasv-unreachable",
        "Passive mode does not work, and nearly all clients use it for listings and transfers.",
        "Open the range of passive ports in the firewall, and forward it on the router.",
        "passive.ports";
    PASV_IPV6 = note "pasv-ipv6",
        "PASV has no room for an IPv6 address. Clients have to use EPSV.",
        "Refuse PASV over IPv6, so that clients try EPSV.";
    PASV_MISSING = warning "pasv-missing",
        "Many devices and libraries know no other passive mode.",
        "Implement PASV.";
    PASV_SYNTAX = error "pasv-syntax",
        "Clients find no address in the reply, and fail.",
        "Answer '227 Entering Passive Mode (h1,h2,h3,h4,p1,p2).'";
    PASV_PARENTHESES = warning "pasv-parentheses",
        "Clients that look for the parenthesis fail (RFC 1123 §4.1.2.6).",
        "Put the numbers in parentheses.";
    PASV_PREDICTABLE = warning "pasv-predictable",
        "Another host can guess the next port, and take the data before the client does.",
        "Choose ports at random, and accept only the client's address.";
    EPSV_SYNTAX = error "epsv-syntax",
        "curl, lftp, browsers and FileZilla try EPSV first, and find no port.",
        "Answer '229 Entering Extended Passive Mode (|||port|)'.";
    EPSV_PROTOCOL = note "epsv-protocol",
        "RFC 2428 requires 522 with the list of protocols.",
        "Answer an unknown protocol by 522.";
    EPSV_ALL = note "epsv-all",
        "RFC 2428 requires a refusal of PASV and PORT after EPSV ALL, so that routers need not look \
         for them.",
        "Refuse PASV and PORT after EPSV ALL.";
    DATA_THEFT = error "data-theft",
        "The first connection gets the file, or has its own stored as the client's upload, wherever \
         it is from.",
        "Accept data connections from the client's address only.",
        "account.allow-fxp";
    DATA_DENIAL = warning "data-denial",
        "A connection from elsewhere ends the client's transfer.",
        "Drop connections from other addresses, and go on waiting for the client.";
    PORT_MISSING = note "port-missing",
        "Cameras, scanners and old devices often know active mode only.",
        "Allow PORT to the client's own address.";
    BOUNCE = error "bounce",
        "The server connects to any host for a client: it scans networks and passes firewalls (RFC \
         2577).",
        "Refuse PORT and EPRT to addresses other than the client's.",
        "account.allow-fxp";
    BOUNCE_LOW_PORT = warning "bounce-low-port",
        "A client can direct the server to services of a host (RFC 2577 §3).",
        "Refuse PORT and EPRT to ports below 1024.";
    PORT_SYNTAX = warning "port-syntax",
        "The next transfer goes to no known address.",
        "Answer a malformed address by 501.";
    ACTIVE_FAILS = error "active-fails",
        "Devices that know active mode only cannot transfer.",
        "Let the server connect to clients through the firewall. The client's router has to forward \
         the port.";
    ACTIVE_ADDRESS = warning "active-address",
        "Firewalls and clients refuse a data connection from another address.",
        "Connect from the address that clients connect to.";
}
