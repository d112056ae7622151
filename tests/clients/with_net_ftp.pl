# Exercises Perl's Net::FTP against a server. Arguments: HOST PORT USER PASSWORD passive|active clear|explicit.
# Dies on failure, and prints nothing on success. Leaves nothing on the server.

use strict;
use warnings;
use utf8;
use Encode qw(decode encode);
use Net::FTP;
use POSIX qw(strftime);

# Every byte, over several buffers.
my $BLOB = join("", map { chr } 0 .. 255) x 4099 . "end";

my ($host, $port, $user, $password, $mode, $tls) = @ARGV;
my $ftp = Net::FTP->new(
    $host,
    Port => $port,
    Timeout => 20,
    Passive => $mode eq "passive",
    SSL_verify_mode => 0,
) or die "no connection: $@";
sub is { $_[0] eq $_[1] or die sprintf "expected %.300s, found %.300s; %s", @_, $ftp->message }
sub ok { $_[0] or die "refused: " . $ftp->message }

sub refused {
    my ($pattern, $result) = @_;
    die "not refused: " . $ftp->message if $result;
    $ftp->message =~ $pattern or die "refused otherwise: " . $ftp->message;
}

# Net::FTP writes bytes; names are UTF-8 on the wire.
sub name { encode("UTF-8", $_[0]) }

sub put {
    my ($call, $bytes, $name) = @_;
    open(my $source, "<", \$bytes) or die;
    ok($ftp->$call($source, $name));
}

sub fetched {
    my ($name, $offset) = @_;
    my $bytes = "";
    open(my $sink, ">", \$bytes) or die;
    ok($ftp->get($name, $sink, $offset // 0));
    return $bytes;
}

if ($tls eq "explicit") {
    ok($ftp->starttls);
    ok($ftp->prot("P"));
}
refused(qr/incorrect|not logged in/i, $ftp->login($user, "wrong"));
ok($ftp->login($user, $password));
is("/", $ftp->pwd);
ok($ftp->quot("NOOP") == 2);
ok($ftp->feature($_)) for qw(MDTM SIZE MFMT MLST UTF8);
is("A", $ftp->binary);
directories();
binary();
text();
listings();
changes();
# Its urgent bytes bypass TLS, so they end the TLS session at any server.
abort() if $tls eq "clear";
is(0, scalar @{$ftp->ls});
ok($ftp->quit);

sub directories {
    ok($ftp->mkdir(name "perl ä"));
    refused(qr/exist/i, $ftp->mkdir(name "perl ä"));
    ok($ftp->mkdir(name("/perl ä/deep/er"), 1));
    ok($ftp->cwd(name "perl ä"));
    is(0, scalar @{$ftp->ls("deep/er")});
    is(0, scalar grep { !/^total/ } @{$ftp->dir("deep/er")});
    ok($ftp->cwd("deep") && $ftp->cdup);
    is(name("/perl ä"), $ftp->pwd);
    refused(qr/no such/i, $ftp->cwd("none"));
}

sub binary {
    $ftp->alloc(length $BLOB);
    ok($ftp->ok);
    put("put", $BLOB, "blob");
    is(length $BLOB, $ftp->size("blob"));
    ok(abs($ftp->mdtm("blob") - time) < 3600);
    ok($ftp->get("blob", "/dev/null"));
    is($BLOB, fetched("blob"));
    is(substr($BLOB, 1_000_000), fetched("blob", 1_000_000));
    # Resumed in both ways: by APPE, and by REST and STOR.
    put("put", substr($BLOB, 0, 77_777), "part");
    put("append", substr($BLOB, $ftp->size("part")), "part");
    is($BLOB, fetched("part"));
    $ftp->restart(500_000);
    put("put", substr($BLOB, 500_000), "part");
    is($BLOB, fetched("part"));
    put("put", "", "empty");
    is("", fetched("empty"));
    unique();
}

# The server replies with the chosen name in the 150 or in the 226.
sub unique {
    put("put_unique", "once", "once");
    put("put_unique", "twice", "once");
    my @made = grep { /^once/ || /^ftp/ } @{$ftp->ls};
    is(2, scalar @made);
    ok($ftp->delete($_)) for @made;
}

sub text {
    my $lines = "first\n\nthird with spaces \nlast\n";
    ok($ftp->ascii);
    put("put", $lines, name "text ü");
    is($lines, fetched(name "text ü"));
    ok($ftp->binary);
    is(length $lines, $ftp->size(name "text ü"));
}

sub listings {
    my @names = sort map { decode("UTF-8", $_) } @{$ftp->ls};
    is("blob deep empty part text ü", "@names");
    # The format that File::Listing and similar modules parse.
    my %found;
    for my $line (@{$ftp->dir}) {
        next if $line =~ /^total/;
        $line =~ /^([-d])[-rwx]{9}\s+\d+\s+\S+\s+\S+\s+(\d+)\s+(\w{3} +\d+ +\d\d:\d\d) (.+)$/ or die $line;
        $found{decode("UTF-8", $4)} = [$1, $2, $3];
    }
    is("d", $found{"deep"}[0]);
    is("-", $found{"text ü"}[0]);
    is(length $BLOB, $found{"blob"}[1]);
    is(strftime("%b %e %H:%M", gmtime $ftp->mdtm("blob")), $found{"blob"}[2]);
    my $stream = $ftp->nlst;
    ok($stream);
    my ($bytes, $part) = ("", "");
    $bytes .= $part while $stream->read($part, 1000);
    ok($stream->close);
    ok($bytes =~ /^blob\r?$/m);
}

sub changes {
    ok($ftp->site("CHMOD 640 blob") == 2);
    ok($ftp->quot("MFMT", "20200102030405", "blob") == 2);
    is(1577934245, $ftp->mdtm("blob"));
    ok($ftp->rename("part", "deep/moved part"));
    ok(!defined $ftp->size("part") && !defined $ftp->mdtm("part"));
    refused(qr/no such file/i, $ftp->get("part", "/dev/null"));
    refused(qr/no such file/i, $ftp->delete("part"));
    refused(qr/no such file/i, $ftp->rename("part", "other"));
    refused(qr/not empty/i, $ftp->rmdir("deep"));
    ok($ftp->delete($_)) for "blob", "empty", name "text ü";
    ok($ftp->cwd("/"));
    ok($ftp->rmdir(name("perl ä"), 1));
    refused(qr/no such/i, $ftp->cwd(name "perl ä"));
}

# During the download of a file that is larger than all buffers.
sub abort {
    put("put", "\0" x (32 << 20), "big");
    my $stream = $ftp->retr("big");
    ok($stream);
    ok($stream->read(my $part, 10) == 10);
    ok($stream->abort);
    ok($ftp->quot("NOOP") == 2);
    is("/", $ftp->pwd);
    ok($ftp->delete("big"));
}
