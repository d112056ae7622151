//! The faults of the control connection: greeting, features, replies, syntax (RFC 959, RFC 1123 §4.1,
//! RFC 2389).
//!
//! A table: how a fault is found is known to the checks.

use super::faults;

faults! {
    NO_ANSWER = error "no-answer",
        "Clients wait for the reply until their time-out, and report a broken connection.",
        "Look into the server's log. If it shows nothing, a firewall or a router in between has cut \
         the connection.";
    LOGIN = error "login",
        "The checks of files, listings and data connections need a login, and were not made.",
        "Check the name and the password, and whether the account may log in this way.";
    OUT_OF_TIME = warning "out-of-time",
        "What was not checked can be wrong. Clients find the server as slow as the probe does.",
        "Look for what delays replies or data connections, or give the probe more time: --max-time.";
    GREETING_CODE = error "greeting-code",
        "Clients expect 220, and some close the connection.",
        "Greet with 220.";
    LINE_ENDS = error "line-ends",
        "RFC 959 requires CR LF. Clients that wait for both hang.",
        "End each line of a reply with CR LF.";
    GREETING_DELAY = warning "greeting-delay",
        "Impatient clients give up. Browsers, lftp and FileZilla open several connections, and each \
         waits.",
        "Turn off reverse look-ups of names, and ident.";
    GREETING_VERSION = note "greeting-version",
        "Scanners look for versions with known holes.",
        "Take the version out of the greeting.",
        "greeting";
    ALG_MASKED = warning "alg-masked",
        "A firewall that inspects FTP (Cisco fixup, ALG) masks text by asterisks. Such firewalls also \
         break AUTH TLS, EPSV and the addresses in PASV.",
        "Turn the inspection off, or let clients use implicit TLS, which the firewall cannot read.";
    FEAT_MISSING = warning "feat-missing",
        "Clients guess: many use LIST in place of MLSD, and Latin-1 for names.",
        "Implement FEAT (RFC 2389).";
    FEAT_SYNTAX = warning "feat-syntax",
        "RFC 2389 requires one blank before each feature. Strict clients miss the feature.",
        "Begin each line of a feature with one blank.";
    FEAT_UNTRUE = warning "feat-untrue",
        "Clients use what FEAT claims, and fail.",
        "Remove it from FEAT, or make it work. A firewall in between can be the cause, for AUTH and \
         EPSV.";
    FEAT_UNCLAIMED = note "feat-unclaimed",
        "Clients that follow FEAT do not use it.",
        "Add it to FEAT.";
    FEAT_LACKING = note "feat-lacking",
        "EPSV is needed for IPv6, MLST for dates with seconds and a known zone, SIZE and REST for \
         resuming, UTF8 for names in a known charset.",
        "Turn them on, or use a server that has them.";
    DATA_BEFORE_LOGIN = warning "data-before-login",
        "Without an account, a client can use up the ports of data connections.",
        "Refuse PASV, EPSV and PORT before the login.";
    QUIT_REPLY = warning "quit-reply",
        "RFC 959 requires 221. Strict libraries report an error at the end.",
        "Answer QUIT by 221.";
    REPLY_CODE = warning "reply-code",
        "Strict clients and libraries take another code for a failure.",
        "Use the codes of RFC 959 §5.4.";
    EXTRA_REPLY = error "extra-reply",
        "Clients take the second reply for that of the next command, and stay one reply behind.",
        "Send one final reply for each command.";
    PWD_QUOTES = warning "pwd-quotes",
        "Clients take the directory from between the quotes.",
        "Quote the path, and double the quotes in it.";
    SYST = note "syst",
        "Clients choose by it how they read LIST.",
        "Answer '215 UNIX Type: L8' if LIST looks like ls -l.";
    ABOR_IDLE = note "abor-idle",
        "Clients that send ABOR too late take the connection for broken.",
        "Answer ABOR without a transfer by 226 or 225.";
    UNKNOWN_COMMAND = warning "unknown-command",
        "Clients try commands to learn whether a server has them.",
        "Answer unknown commands by 500 or 502.";
    MISSING_ARGUMENT = warning "missing-argument",
        "The client is not told of its mistake, and transfers in a wrong type.",
        "Answer a missing argument by 501.";
    LOWER_CASE = warning "lower-case",
        "RFC 959 allows small letters in commands. Scripts and devices send them.",
        "Compare commands without regard to case.";
    TELNET_CODES = note "telnet-codes",
        "Clients send Telnet codes before ABOR, and RFC 1123 requires servers to accept them.",
        "Skip Telnet commands in the control connection.";
    LONG_LINE = error "long-line",
        "One line is read as several. A long path can smuggle in commands, and replies get out of \
         step.",
        "Read a line to its end, answer it once, and go on or close.";
    PIPELINING = warning "pipelining",
        "Commands in one segment are lost or reordered. Clients that send the next command early hang.",
        "Keep the bytes after the first line, and answer in order.";
    IDLE_TIME = warning "idle-time",
        "Clients that stay open between transfers (FileZilla, editors, sync tools) have to log in \
         again. RFC 1123 requires at least five minutes.",
        "Raise the idle time-out.",
        "timings.idle";
    IDLE_LOST = error "idle-lost",
        "A firewall or NAT router forgets a connection in silence. Clients hang after each transfer \
         that takes longer.",
        "Use TCP keep-alive on the server, or raise the time of idle connections on the router.";
}
