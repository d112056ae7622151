// Exercises Apache Commons Net against a server. Arguments: HOST PORT USER PASSWORD passive|active clear|explicit.
// Throws an exception on failure, and prints nothing on success. Leaves nothing on the server.

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.TimeZone;
import org.apache.commons.net.ftp.FTP;
import org.apache.commons.net.ftp.FTPClient;
import org.apache.commons.net.ftp.FTPClientConfig;
import org.apache.commons.net.ftp.FTPFile;
import org.apache.commons.net.ftp.FTPReply;
import org.apache.commons.net.ftp.FTPSClient;
import org.apache.commons.net.util.TrustManagerUtils;

class WithCommonsNet {
    static final byte[] BLOB = blob();
    static FTPClient ftp;

    /** Every byte, over several buffers. */
    static byte[] blob() {
        byte[] blob = new byte[256 * 4099 + 3];
        for (int at = 0; at < blob.length; at++) {
            blob[at] = (byte) at;
        }
        return blob;
    }

    static void ok(boolean holds) {
        if (!holds) {
            throw new AssertionError("the last reply: " + ftp.getReplyString());
        }
    }

    static void is(Object expected, Object found) {
        if (!expected.equals(found)) {
            String said = ftp.getReplyString();
            throw new AssertionError("expected " + expected + ", found " + found + "; " + said);
        }
    }

    static void refused(boolean result, int code, String words) {
        is(false, result);
        is(code, ftp.getReplyCode());
        ok(ftp.getReplyString().toLowerCase().contains(words));
    }

    public static void main(String[] given) throws Exception {
        boolean secure = given[5].equals("explicit");
        ftp = secure ? secured() : new FTPClient();
        ftp.setControlEncoding("UTF-8");
        ftp.setAutodetectUTF8(true);
        FTPClientConfig config = new FTPClientConfig(FTPClientConfig.SYST_UNIX);
        config.setServerTimeZoneId("UTC");
        ftp.configure(config);
        ftp.setDefaultTimeout(20_000);
        ftp.setDataTimeout(Duration.ofSeconds(20));
        // NOOP as a keep-alive on the control connection during long transfers. After the transfer, the client
        // waits for the replies to all of them, as long as for any other reply. With a shorter interval it would
        // send a NOOP after every buffer.
        ftp.setControlKeepAliveTimeout(Duration.ofSeconds(40));
        ftp.setControlKeepAliveReplyTimeout(Duration.ofSeconds(20));
        ftp.connect(given[0], Integer.parseInt(given[1]));
        ok(FTPReply.isPositiveCompletion(ftp.getReplyCode()));
        refused(ftp.login(given[2], "wrong"), 530, "");
        ok(ftp.login(given[2], given[3]));
        if (secure) {
            ((FTPSClient) ftp).execPBSZ(0);
            ((FTPSClient) ftp).execPROT("P");
        }
        if (given[4].equals("passive")) {
            ftp.enterLocalPassiveMode();
        }
        session();
        ok(ftp.logout());
        ftp.disconnect();
    }

    static FTPSClient secured() {
        FTPSClient secured = new FTPSClient(false);
        secured.setTrustManager(TrustManagerUtils.getAcceptAllTrustManager());
        return secured;
    }

    static void session() throws IOException {
        ok(ftp.getSystemType().startsWith("UNIX"));
        ok(ftp.hasFeature("MLST") && ftp.hasFeature("REST", "STREAM") && ftp.hasFeature("UTF8"));
        is("/", ftp.printWorkingDirectory());
        ok(ftp.sendNoOp());
        directories();
        ok(ftp.setFileType(FTP.BINARY_FILE_TYPE));
        binary();
        text();
        listings();
        changes();
        is(0, ftp.listNames().length);
    }

    static void directories() throws IOException {
        ok(ftp.makeDirectory("java ä"));
        refused(ftp.makeDirectory("java ä"), ftp.getReplyCode(), "exist");
        ok(ftp.changeWorkingDirectory("java ä") && ftp.makeDirectory("deep"));
        is(0, ftp.listFiles("deep").length);
        is(0, ftp.listNames("deep").length);
        is(0, ftp.mlistDir("deep").length);
        ok(ftp.changeWorkingDirectory("deep") && ftp.changeToParentDirectory());
        is("/java ä", ftp.printWorkingDirectory());
        refused(ftp.changeWorkingDirectory("none"), 550, "no such file");
    }

    static void put(String name, byte[] bytes, int from) throws IOException {
        ok(ftp.storeFile(name, new ByteArrayInputStream(bytes, from, bytes.length - from)));
    }

    static byte[] fetched(String name, long offset) throws IOException {
        ByteArrayOutputStream sink = new ByteArrayOutputStream();
        ftp.setRestartOffset(offset);
        ok(ftp.retrieveFile(name, sink));
        return sink.toByteArray();
    }

    static void same(byte[] expected, byte[] found) {
        is(expected.length, found.length);
        ok(Arrays.equals(expected, found));
    }

    static void binary() throws IOException {
        ok(FTPReply.isPositiveCompletion(ftp.allo(BLOB.length)));
        put("blob", BLOB, 0);
        is(String.valueOf(BLOB.length), ftp.getSize("blob"));
        same(BLOB, fetched("blob", 0));
        same(Arrays.copyOfRange(BLOB, 1_000_000, BLOB.length), fetched("blob", 1_000_000));
        // Resumed in both ways: by APPE, and by REST and STOR.
        put("part", Arrays.copyOf(BLOB, 77_777), 0);
        int there = Integer.parseInt(ftp.getSize("part"));
        ok(ftp.appendFile("part", new ByteArrayInputStream(BLOB, there, BLOB.length - there)));
        same(BLOB, fetched("part", 0));
        ftp.setRestartOffset(500_000);
        put("part", BLOB, 500_000);
        same(BLOB, fetched("part", 0));
        put("empty", new byte[0], 0);
        same(new byte[0], fetched("empty", 0));
        ok(ftp.storeUniqueFile("unique", new ByteArrayInputStream(BLOB)));
        try (InputStream stream = ftp.retrieveFileStream("blob")) {
            is(BLOB[0], (byte) stream.read());
            same(Arrays.copyOfRange(BLOB, 1, BLOB.length), stream.readAllBytes());
        }
        ok(ftp.completePendingCommand());
    }

    static void text() throws IOException {
        byte[] lines = "first\n\nthird with spaces \nlast\n".getBytes(StandardCharsets.US_ASCII);
        ok(ftp.setFileType(FTP.ASCII_FILE_TYPE));
        put("text ü", lines, 0);
        same(lines, fetched("text ü", 0));
        ok(ftp.setFileType(FTP.BINARY_FILE_TYPE));
        is(String.valueOf(lines.length), ftp.getSize("text ü"));
    }

    static Map<String, FTPFile> byName(FTPFile[] files) {
        Map<String, FTPFile> named = new TreeMap<>();
        for (FTPFile file : files) {
            named.put(file.getName(), file);
        }
        return named;
    }

    /** The parser for Unix listings (LIST) and the one for facts (MLSD) find the same. */
    static void listings() throws IOException {
        String[] names = ftp.listNames();
        Arrays.sort(names);
        is("[blob, deep, empty, part, text ü, unique]", Arrays.toString(names));
        Instant changed = ftp.mdtmInstant("blob");
        ok(Math.abs(changed.until(Instant.now(), ChronoUnit.SECONDS)) < 3600);
        is(changed, ftp.mlistFile("blob").getTimestampInstant());
        for (FTPFile[] files : new FTPFile[][] {ftp.listFiles(), ftp.mlistDir()}) {
            Map<String, FTPFile> found = byName(files);
            is("[blob, deep, empty, part, text ü, unique]", found.keySet().toString());
            ok(found.get("deep").isDirectory() && found.get("text ü").isFile());
            FTPFile blob = found.get("blob");
            is((long) BLOB.length, blob.getSize());
            // LIST has no seconds.
            Instant listed = blob.getTimestampInstant();
            is(changed.truncatedTo(ChronoUnit.MINUTES), listed.truncatedTo(ChronoUnit.MINUTES));
        }
        FTPFile blob = byName(ftp.listFiles()).get("blob");
        ok(blob.hasPermission(FTPFile.USER_ACCESS, FTPFile.WRITE_PERMISSION));
        is(1, ftp.listDirectories().length);
        is(1, ftp.listFiles("blob").length);
        is("deep", ftp.initiateListParsing().getNext(2)[1].getName());
    }

    static void changes() throws IOException {
        ok(ftp.sendSiteCommand("CHMOD 640 blob"));
        ok(ftp.setModificationTime("blob", "20200102030405"));
        is(Instant.parse("2020-01-02T03:04:05Z"), ftp.mdtmInstant("blob"));
        ok(ftp.getStatus("blob").contains("blob"));
        ok(ftp.rename("part", "deep/moved part"));
        refused(ftp.retrieveFile("part", new ByteArrayOutputStream()), 550, "no such file");
        refused(ftp.deleteFile("part"), 550, "no such file");
        refused(ftp.rename("part", "other"), 550, "no such file");
        refused(ftp.removeDirectory("deep"), 550, "not empty");
        for (String name : new String[] {"deep/moved part", "blob", "empty", "text ü", "unique"}) {
            ok(ftp.deleteFile(name));
        }
        ok(ftp.removeDirectory("deep") && ftp.changeWorkingDirectory("/") && ftp.removeDirectory("java ä"));
    }
}
