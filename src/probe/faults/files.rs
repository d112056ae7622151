//! The faults of listings, downloads and uploads (RFC 959 §4.1.3, RFC 3659, RFC 2640).
//!
//! A table: how a fault is found is known to the checks.

use super::faults;

faults! {
    LIST_FAILS = error "list-fails",
        "Clients show no files.",
        "Look into the server's log. Check the passive ports and the permissions of the directory.";
    LIST_LINE_ENDS = warning "list-line-ends",
        "Listings are text. Clients that split at CR LF see one long line.",
        "End each line with CR LF, whatever the TYPE.";
    LIST_FORMAT = warning "list-format",
        "Parsers of LIST know ls -l and DOS. In other lines they find no name, size or date.",
        "Print 'drwxr-xr-x 1 owner group size Mon dd hh:mm name'.";
    MLSD_FACTS = error "mlsd-facts",
        "Clients that use MLSD (FileZilla, WinSCP, rclone) skip the file or fail.",
        "Write 'fact=value;' for each fact, one blank, then the name (RFC 3659 §7).";
    LIST_DIFFERS = warning "list-differs",
        "Clients that use MLSD and clients that use LIST see different files.",
        "List the same files by both, hidden ones too.";
    UTF8_NAMES = warning "utf8-names",
        "FEAT has told clients UTF8. They show wrong names, and cannot open the files.",
        "Rename the files to UTF-8, or set the charset of the disk.",
        "charset";
    NO_FILE = note "no-file",
        "Downloads, sizes, restarts and dates were not checked.",
        "Name a file or its directory in the URL, or use --write DIR.";
    RETR_DIFFERS = error "retr-differs",
        "Clients get a damaged file, and most do not notice.",
        "Check the disk and the server's conversions: with TYPE I every byte is sent as it is.";
    MISSING_FILE = warning "missing-file",
        "Clients store an empty file, or try again for ever: only 550 says that there is none.",
        "Answer RETR of a missing file by 550, before the 150.";
    SIZE_WRONG = error "size-wrong",
        "Clients resume at a wrong offset, report a failure, or show a wrong progress.",
        "Answer SIZE with the number of bytes that RETR sends in the same TYPE.";
    REST_REFUSED = warning "rest-refused",
        "Clients cannot resume downloads: each try begins anew.",
        "Allow REST before RETR.";
    REST_WRONG = error "rest-wrong",
        "Resumed downloads are damaged.",
        "Send the bytes from the offset of REST on, once.";
    MDTM_SYNTAX = warning "mdtm-syntax",
        "Clients show no date, and sync tools copy all files again.",
        "Answer MDTM by '213 YYYYMMDDHHMMSS'.";
    MDTM_ZONE = warning "mdtm-zone",
        "Sync tools (lftp mirror, rclone, WinSCP) copy files again, or skip newer ones.",
        "Write the dates of MDTM and MLST in UTC (RFC 3659 §2.3).";
    MDTM_CLOCK = warning "mdtm-clock",
        "Sync tools compare the dates with their own clock, and skip newer files.",
        "Set the server's clock (NTP), and write dates in UTC.";
    ASCII_WRONG = warning "ascii-wrong",
        "Text files arrive damaged.",
        "With TYPE A send each line end as CR LF, and change nothing else.";
    ASCII_UNCHANGED = note "ascii-unchanged",
        "Clients on Windows that use TYPE A get text with the line ends of Unix.",
        "With TYPE A send each line end as CR LF.";
    ABOR = warning "abor",
        "Clients hang when the user cancels a transfer, or close the connection and log in again.",
        "Answer ABOR in a transfer by 426 for the transfer, then 226 for ABOR.";
    WRITE_REFUSED = error "write-refused",
        "The checks of uploads were not made.",
        "Name a directory in which the account may make directories and files.",
        "account.permissions";
    MKD_REPLY = warning "mkd-reply",
        "Clients take the path of a new directory from between the quotes of a 257.",
        "Answer MKD by 257 and the quoted path.";
    UPLOAD_FAILS = error "upload-fails",
        "Clients cannot store files.",
        "Look into the server's log. Check permissions and space.",
        "account.permissions";
    UPLOAD_WRONG = error "upload-wrong",
        "Stored files are damaged.",
        "With TYPE I store every byte as it comes, and cut a file that is replaced to its new size.";
    APPEND_WRONG = error "append-wrong",
        "Logs of devices and resumed uploads, which use APPE, are damaged.",
        "Let APPE write at the end of the file.";
    RESUME_WRONG = error "resume-wrong",
        "Resumed uploads are damaged.",
        "After REST let STOR write from the offset on, and keep the bytes before.";
    RESUME_REFUSED = note "resume-refused",
        "Clients send large files again from the beginning.",
        "Allow REST before STOR.";
    CHANGE_FAILS = warning "change-fails",
        "WinSCP, rclone and scanners upload to a temporary name and rename it. Sync tools delete and \
         append.",
        "Grant these permissions, or accept that such clients fail.",
        "account.permissions";
    CUT_UPLOAD = warning "cut-upload",
        "The client's connection was reset, and the server reports a complete file.",
        "Answer 426 or 451 if the data connection ends by an error.";
    CLEAN_UP = warning "clean-up",
        "Files of this probe are left on the server.",
        "Remove them by hand.";
    UTF8_CHANGED = error "utf8-changed",
        "Clients that FEAT has told UTF8 do not find their own upload again.",
        "Store names byte by byte, without a charset or a normalization in between.",
        "charset";
    NAME_CHANGED = warning "name-changed",
        "Clients do not find their own upload again. Sync tools upload it each time.",
        "Take the rest of the line after one blank as the name, and list it as it is.";
}
