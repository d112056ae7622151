//! The faults of TLS and of certificates (RFC 4217, RFC 8446, RFC 8996).
//!
//! A table: how a fault is found is known to the checks.

use super::faults;

faults! {
    TLS_MISSING = warning "tls-missing",
        "Passwords and files go in the clear, for every network in between to read. FileZilla, WinSCP \
         and browsers warn or refuse.",
        "Turn TLS on.",
        "tls.certificate";
    TLS_FAILS = error "tls-fails",
        "The server announces TLS, and clients that use it cannot connect.",
        "Check the certificate, the key and the log. A firewall that inspects FTP can be the cause.";
    AUTH_INJECTION = error "auth-injection",
        "An attacker in between can place commands before the TLS handshake, which then count as the \
         client's (CVE-2011-0411).",
        "Discard what was received in the clear before the handshake.";
    TLS_OLD = warning "tls-old",
        "TLS 1.0 and 1.1 are broken and deprecated (RFC 8996). Audits (PCI DSS) fail.",
        "Allow TLS 1.2 and 1.3 only.";
    TLS_NO_12 = note "tls-no-12",
        "Clients of before 2019 (Windows 7, Java 8, devices) speak no TLS 1.3, and cannot connect.",
        "Allow TLS 1.2 too, if such clients matter.";
    TLS_NO_13 = note "tls-no-13",
        "Handshakes take one round trip more, and each data connection has one.",
        "Use a TLS library that has TLS 1.3.";
    CLEAR_LOGIN = warning "clear-login",
        "The password of a client without TLS goes in the clear, for every network in between to read.",
        "Refuse USER before AUTH TLS for accounts with a password.",
        "tls.require";
    CERTIFICATE_TRUST = warning "certificate-trust",
        "Clients that verify (curl, lftp, .NET, Python) refuse the connection. FileZilla and WinSCP \
         ask the user.",
        "Use a certificate of an authority that clients know, and send its whole chain.",
        "tls.certificate";
    CERTIFICATE_PURPOSE = warning "certificate-purpose",
        "Strict clients refuse the connection.",
        "Use a certificate for servers.",
        "tls.certificate";
    CERTIFICATE_DATES = error "certificate-dates",
        "Clients refuse the certificate, or ask the user.",
        "Renew the certificate, and check the server's clock.",
        "tls.certificate";
    CERTIFICATE_EXPIRES = warning "certificate-expires",
        "From that day on, clients refuse the connection.",
        "Renew the certificate now, and automatically.",
        "tls.certificate";
    CERTIFICATE_NAME = warning "certificate-name",
        "Clients that verify names (curl, lftp, .NET, Python) refuse the connection.",
        "Issue it for the name that clients connect to, as a subject alternative name.",
        "tls.certificate";
    CERTIFICATE_KEY = warning "certificate-key",
        "Modern clients and libraries refuse such keys.",
        "Make a key for ECDSA P-256, or RSA of 2048 bits or more.",
        "tls.key";
    PROT_MISSING = error "prot-missing",
        "Files and listings go in the clear. FileZilla, WinSCP and lftp refuse the transfer.",
        "Allow PBSZ 0 and PROT P.";
    TLS_DATA = error "tls-data",
        "Listings and transfers fail for every client with TLS.",
        "Look into the server's log. If it requires session resumption, compare with \
         --tls-data-session of this server.";
    DATA_RESUMPTION = warning "data-resumption",
        "Each transfer needs a full handshake, and clients that require resumption (some of \
         FileZilla, ProFTPD and vsftpd set-ups) fail.",
        "Let data connections resume the TLS session of their control connection.";
    DATA_SESSION = note "data-session",
        "A data connection need not prove that it is from the same client. Another program can take \
         the data if it connects first.",
        "Require the session of the control connection, if all clients can resume it.",
        "tls.data-session";
    TLS_TRUNCATION = warning "tls-truncation",
        "The data connection ends without close_notify: a cut download looks complete, and GnuTLS, \
         OpenSSL 3 and Java report an error.",
        "Send close_notify before closing a data connection.";
    CLEAR_DATA = note "clear-data",
        "With PROT C files and listings go in the clear after a login with TLS.",
        "Refuse PROT C, if no client needs it.",
        "tls.require";
}
