//! What `mioftpd bench --help` prints.
//!
//! Each option of [`options`](super::options) is in it, which a test checks. It must not know what they do.

pub(super) const HELP: &str = "\
Measure an FTP server: any server, from one thread.

Usage: mioftpd bench URL [OPTIONS]
       mioftpd bench --compare A.json B.json

  URL  ftp://[USER[:PASSWORD]@]HOST[:PORT][/PATH], ftpes:// with AUTH TLS, ftps:// with TLS from the
       first byte; without a user anonymous, where the server has logins

      --workload WORKLOAD  noop: a NOOP for each reply, on each connection [default]
                           rate: NOOPs at a rate, timed from when they were due
                           idle: a NOOP for each reply on one connection, the others wait
                           login: connect, log in, QUIT, and again
                           handshake, resume: connect, TLS handshake, QUIT; resume: with the session
                           of an earlier connection, so the first are not measured
                           retr: fetch the file at PATH; without one, or with a directory, a file of
                           its own
                           stor, append: send a file of its own for each connection
                           list, mlsd: list PATH
                           small: send, fetch and delete many small files
                           mixed: jobs at random, see --mix
      --mix JOB:WEIGHT,... For mixed: noop, retr, stor, append, list, mlsd [default: retr:4,stor:1,list:1]
      --beside WORKLOAD[:N]  Another workload at the same time, on N connections [default: 1]; again for
                           more. It ends with the first
      --connections N      Connections, 1 to 50000 [default: 1]
      --depth N            NOOPs without a reply on a connection, 1 to 1024 [default: 1]
      --rate N             NOOPs a second on all connections together
      --poisson            At random times of that rate, as of many clients [default: evenly]
      --duration TIME      How long is measured, such as 500ms, 10s or 2m [default: 10s]
      --count N            How many commands, logins or jobs are measured, instead of a time
      --warmup TIME        What is done before and not measured [default: 1s]
      --ramp TIME          Open the connections spread over this time [default: 0s]
      --timeout TIME       What the server may take for a reply [default: 10s]
      --size BYTES         Of its own files, such as 64k or 10M [default: 1M; small: 1k]
      --verify             Compare what comes back, byte by byte; stor then fetches what it has sent
      --active, --passive  Who makes data connections: the server (PORT, EPRT), or the client (EPSV,
                           else PASV) [default: passive]
      --tls                AUTH TLS, as ftpes:// has it
      --insecure           Accept any certificate
      --ca FILE            Accept what these authorities have signed [default: those of the system]
      --user NAME, --password PASSWORD  Instead of those in the URL
      --seed N             For the random times, the mix and the content of files [default: 1]
      --against URL...     Other servers, in interleaved rounds with the first: a table of the ratios
      --rounds N           Rounds of each server, 1 to 1000 [default: 1; of several servers 5]
      --floor              Measure beside it a server that only answers: ratios are to that
      --compare A B        Compare two files of --json, and say what may be noise; nothing is measured
      --plot FILE.svg      Draw latency by percentile and, of one round on one server, over time
      --json, --csv        Print the results in this form, times in seconds
      --hdr FILE           Write the times of each second for the tools of HdrHistogram
      --pid PID            Show what this process used meanwhile: that of the server, on this host
      --i-may-load-this-host  Measure a host that is not on this host's own network
  -h, --help               Print this

Its own files are named mioftpd-bench-..., and deleted at the end.
SIGINT ends it with the results so far. Exit codes: 0 no errors, 1 errors, 2 usage.
";
