// SPDX-License-Identifier: Apache-2.0
@testable internal import HTTPServer

/// Heads of HTTP requests, as libmicrohttpd leaves them behind: the framing check and everything that is read from a
/// head that passed it. The first byte of an input says whether the sizes and offsets are the library's or arbitrary.
enum HeadTarget: FuzzTarget {
    static let name = "heads"

    static func run(_ input: [UInt8]) {
        guard let mode = input.first else { return }
        var head = ParsedHead(Array(input.dropFirst()))
        if mode & 1 == 1 { head.distort(input) } else if !head.isHandedOn { return }
        guard let accepted = head.read() else { return }
        use(accepted)
        if mode & 1 == 0 { compare(accepted, with: Array(input.dropFirst().prefix(head.size))) }
    }

    /// Everything that routing and handlers ask of a head.
    private static func use(_ head: RequestHead) {
        _ = (head.method, head.rawPath, head.rawQuery, head.pathSegments, head.query.count)
        _ = (head.acceptsJSON, head.accepts("text/plain"), head.value(of: "Host"))
        _ = HostAllowList(["localhost", "127.0.0.1", "[::1]"]).refusal(of: head)
        if head.isChunked, head.contentLength != nil { violated("a body has one length") }
        if head.values(of: "host").count != 1 { violated("a head that is accepted names one host") }
        if head.values(of: "content-length").count > 1 { violated("a head that is accepted has one length") }
        for segment in head.pathSegments ?? [] where segment.isEmpty || segment == "." || segment == ".." {
            violated("a path has one reading")
        }
    }

    /// A head that was accepted is what the client sent, byte for byte. Where it has zeros the client sent the separators
    /// of a head; at the end of a line a zero byte beside a bare LF cannot be told from CR LF any more, but nothing else
    /// can stand there.
    private static func compare(_ head: RequestHead, with sent: [UInt8]) {
        if head.bytes.count != sent.count { violated("a head that is accepted has its size") }
        var (blanks, colons, ends) = (0, 0, 0)
        for (kept, byte) in zip(head.bytes, sent) where kept != byte || byte == 0 {
            switch byte {
            case _ where kept != 0: violated("a head that is accepted is what was sent")
            case 0x20: blanks += 1
            case UInt8(ascii: ":"): colons += 1
            case 0, 0x0a, 0x0d: ends += 1
            default: violated("nothing but separators is erased")
            }
        }
        if head.bytes.contains(0x0d) || head.bytes.contains(0x0a) {
            violated("a head that is accepted has no line end inside a line")
        }
        var fields = 0
        head.forEachField { _, _ in
            fields += 1
            return true
        }
        if blanks != 2 || colons != fields || ends != 2 * (fields + 2) { violated("every line is a field") }
    }

    static func seeds() throws -> [[UInt8]] {
        let path = "/api/v1/eth2/sign/0x" + String(repeating: "ab", count: 48)
        return [
            "POST \(path) HTTP/1.1\r\nHost: localhost:9000\r\nContent-Length: 12\r\nAccept: application/json;q=0.5, */*\r\n\r\n",
            "POST /a HTTP/1.1\r\nHost: [::1]:9000\r\nTransfer-Encoding: chunked\r\nAccept: text/plain\r\n\r\n",
            "GET /upcheck HTTP/1.0\r\nhost:a\r\nX: y \t\r\n\r\n",
            "GET /a/b%20c?x=%41&y=+&=&& HTTP/1.1\r\nHost:\r\nCookie: a=b; c=d\r\n\r\n",
            "GET /%2e%2e/%00//a HTTP/1.1\r\nHost: x\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "POST / HTTP/1.1\nHost : x\r\n folded\r\nContent-Length: +1\r\n\r\n",
        ].flatMap { text in [[0] + Array(text.utf8), [1] + Array(text.utf8)] }
    }

    static let words = [
        "\r\n", "\n", "\r\n\r\n", ": ", "Host: ", "Content-Length: ", "Transfer-Encoding: ", "chunked", "Accept: ",
        "application/json", "*/*", "text/plain", ";q=0", "GET ", "POST ", " HTTP/1.1", " HTTP/1.0", "%2f", "%00", "%",
        "?", "&",
        "=", "+", "..", "//", "\\", "#", "999999999999999999", "0x10", "\t",
    ]
}
