<?php
// Exercises PHP's ftp extension and ftp:// streams against a server. Arguments: HOST PORT USER PASSWORD
// passive|active clear|explicit.
// Throws an exception on failure, and prints nothing on success. Leaves nothing on the server.

set_error_handler(function ($_, $text, $_file, $line) {
    if (error_reporting() !== 4437) { // The level under the operator `@`: expected refusals.
        throw new ErrorException("line $line: $text");
    }
    $GLOBALS["refused"] = $text;
    return true;
});

// Every byte, over several buffers.
define("BLOB", str_repeat(implode(array_map("chr", range(0, 255))), 4099) . "end");

function check($expected, $found)
{
    if ($expected !== $found) {
        $short = fn($value) => substr(var_export($value, true), 0, 500);
        throw new Exception("expected " . $short($expected) . ", found " . $short($found));
    }
}

/// What the server says when it refuses; PHP hands it on as a warning.
function refused($call)
{
    $GLOBALS["refused"] = null;
    check(false, @$call());
    return $GLOBALS["refused"] ?? "";
}

function stream($bytes = "")
{
    $stream = fopen("php://temp", "w+b");
    fwrite($stream, $bytes);
    rewind($stream);
    return $stream;
}

function fetched($ftp, $name, $mode = FTP_BINARY, $offset = 0)
{
    $sink = stream();
    check(true, ftp_fget($ftp, $sink, $name, $mode, 0));
    $whole = stream_get_contents($sink, -1, 0);
    if ($offset > 0) {
        // In PHP the local file keeps its content up to the offset.
        $sink = stream(substr($whole, 0, $offset));
        check(true, ftp_fget($ftp, $sink, $name, $mode, $offset));
        check($whole, stream_get_contents($sink, -1, 0));
    }
    return $whole;
}

function connected($host, $port, $user, $password, $mode, $tls)
{
    $ftp = $tls === "explicit" ? ftp_ssl_connect($host, $port, 20) : ftp_connect($host, $port, 20);
    check(1, preg_match("/incorrect|not logged in/i", refused(fn() => ftp_login($ftp, $user, "wrong"))));
    check(true, ftp_login($ftp, $user, $password));
    check(true, ftp_pasv($ftp, $mode === "passive"));
    check("UNIX", ftp_systype($ftp));
    check("/", ftp_pwd($ftp));
    check(0, strpos(ftp_raw($ftp, "NOOP")[0], "200"));
    return $ftp;
}

function directories($ftp)
{
    check("/php ä", ftp_mkdir($ftp, "php ä"));
    check(1, preg_match("/exist/i", refused(fn() => ftp_mkdir($ftp, "php ä"))));
    check(true, ftp_chdir($ftp, "php ä"));
    check("/php ä/deep", ftp_mkdir($ftp, "deep"));
    check([], ftp_nlist($ftp, "deep"));
    check([], ftp_rawlist($ftp, "deep"));
    check(true, ftp_chdir($ftp, "deep") && ftp_cdup($ftp));
    check("/php ä", ftp_pwd($ftp));
    refused(fn() => ftp_chdir($ftp, "none"));
}

function binary($ftp)
{
    check(true, ftp_alloc($ftp, strlen(BLOB)));
    check(true, ftp_fput($ftp, "blob", stream(BLOB), FTP_BINARY));
    check(strlen(BLOB), ftp_size($ftp, "blob"));
    check(true, abs(ftp_mdtm($ftp, "blob") - time()) < 3600);
    check(BLOB, fetched($ftp, "blob", FTP_BINARY, 1_000_000));
    // Resumed: PHP sends SIZE, seeks, and sends REST.
    check(true, ftp_fput($ftp, "part", stream(substr(BLOB, 0, 77_777)), FTP_BINARY));
    check(true, ftp_fput($ftp, "part", stream(BLOB), FTP_BINARY, FTP_AUTORESUME));
    check(BLOB, fetched($ftp, "part"));
    $end = stream(str_repeat("-", 500_000) . substr(BLOB, 500_000));
    check(true, ftp_fput($ftp, "part", $end, FTP_BINARY, 500_000));
    check(BLOB, fetched($ftp, "part"));
    $local = tempnam(sys_get_temp_dir(), "php");
    file_put_contents($local, "more");
    check(true, ftp_append($ftp, "part", $local, FTP_BINARY));
    check(BLOB . "more", fetched($ftp, "part"));
    file_put_contents($local, substr(BLOB, 0, 123_456));
    check(true, ftp_get($ftp, $local, "blob", FTP_BINARY, FTP_AUTORESUME));
    check(true, file_get_contents($local) === BLOB);
    unlink($local);
    check(true, ftp_fput($ftp, "empty", stream(), FTP_BINARY));
    check("", fetched($ftp, "empty"));
}

/// A piece at a time, with other work in between.
function pieces($ftp)
{
    // PHP does not keep the streams alive itself.
    [$source, $sink] = [stream(BLOB), stream()];
    $state = ftp_nb_fput($ftp, "nb", $source, FTP_BINARY);
    while ($state === FTP_MOREDATA) {
        $state = ftp_nb_continue($ftp);
    }
    check(FTP_FINISHED, $state);
    $state = ftp_nb_fget($ftp, $sink, "nb", FTP_BINARY);
    while ($state === FTP_MOREDATA) {
        $state = ftp_nb_continue($ftp);
    }
    check(FTP_FINISHED, $state);
    check(BLOB, stream_get_contents($sink, -1, 0));
    check(true, ftp_delete($ftp, "nb"));
}

function text($ftp)
{
    $lines = "first\n\nthird with spaces \nlast\n";
    check(true, ftp_fput($ftp, "text ü", stream($lines), FTP_ASCII));
    check(strlen($lines), ftp_size($ftp, "text ü"));
    check($lines, fetched($ftp, "text ü", FTP_ASCII));
}

function listings($ftp)
{
    $names = ftp_nlist($ftp, ".");
    sort($names);
    check(["blob", "deep", "empty", "part", "text ü"], array_map("basename", $names));
    $facts = array_column(ftp_mlsd($ftp, "."), null, "name");
    check("dir", $facts["deep"]["type"]);
    check("file", $facts["text ü"]["type"]);
    check((string) strlen(BLOB), $facts["blob"]["size"]);
    check(gmdate("YmdHis", ftp_mdtm($ftp, "blob")), substr($facts["blob"]["modify"], 0, 14));
    // The format that common parsers in PHP expect.
    $shape = "/^([-d])[-rwx]{9}\s+\d+ \S+\s+\S+\s+(\d+) ([A-Z][a-z]{2} [ \d]\d \d\d:\d\d) (.+)$/";
    $found = [];
    foreach (ftp_rawlist($ftp, ".") as $line) {
        check(1, preg_match($shape, $line, $match));
        $found[$match[4]] = $match;
    }
    check("d", $found["deep"][1]);
    check("-", $found["text ü"][1]);
    check((string) strlen(BLOB), $found["blob"][2]);
    check(gmdate("M d H:i", ftp_mdtm($ftp, "blob")), preg_replace("/  /", " 0", $found["blob"][3]));
}

function changes($ftp)
{
    check(0640, ftp_chmod($ftp, 0640, "blob"));
    check(true, ftp_site($ftp, "CHMOD 644 blob"));
    check(true, ftp_rename($ftp, "part", "deep/moved part"));
    check(-1, ftp_size($ftp, "part"));
    check(-1, ftp_mdtm($ftp, "part"));
    check(1, preg_match("/no such file/i", refused(fn() => ftp_fget($ftp, stream(), "part", FTP_BINARY))));
    refused(fn() => ftp_delete($ftp, "part"));
    refused(fn() => ftp_rename($ftp, "part", "other"));
    check(1, preg_match("/not empty/i", refused(fn() => ftp_rmdir($ftp, "deep"))));
    foreach (["deep/moved part", "blob", "empty", "text ü"] as $name) {
        check(true, ftp_delete($ftp, $name));
    }
    check(true, ftp_rmdir($ftp, "deep") && ftp_chdir($ftp, "/") && ftp_rmdir($ftp, "php ä"));
    check([], ftp_nlist($ftp, "."));
}

/// The same by URL: every call is a session of its own, and always passive.
function streams($host, $port, $user, $password, $tls)
{
    $host = str_contains($host, ":") ? "[$host]" : $host;
    $scheme = $tls === "explicit" ? "ftps" : "ftp";
    $url = "$scheme://" . rawurlencode($user) . ":" . rawurlencode($password) . "@$host:$port";
    $context = stream_context_create([
        "ftp" => ["overwrite" => true],
        "ssl" => ["verify_peer" => false, "verify_peer_name" => false],
    ]);
    check(true, mkdir("$url/by%20url", 0755, false, $context));
    check(strlen(BLOB), file_put_contents("$url/by%20url/blob", BLOB, 0, $context));
    check(true, file_get_contents("$url/by%20url/blob", false, $context) === BLOB);
    check(4, file_put_contents("$url/by%20url/blob", "more", FILE_APPEND, $context));
    check(strlen(BLOB) + 4, filesize("$url/by%20url/blob"));
    check([true, false], [is_file("$url/by%20url/blob"), file_exists("$url/none")]);
    check(["blob"], scandir("$url/by%20url", SCANDIR_SORT_ASCENDING, $context));
    check(true, rename("$url/by%20url/blob", "$url/by%20url/other", $context));
    check(true, unlink("$url/by%20url/other", $context) && rmdir("$url/by%20url", $context));
}

[, $host, $port, $user, $password, $mode, $tls] = $argv;
$ftp = connected($host, (int) $port, $user, $password, $mode, $tls);
directories($ftp);
binary($ftp);
pieces($ftp);
text($ftp);
listings($ftp);
changes($ftp);
check(true, ftp_close($ftp));
if ($tls === "clear") {
    streams($host, $port, $user, $password, $tls);
}
