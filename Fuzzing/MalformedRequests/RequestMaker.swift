// SPDX-License-Identifier: Apache-2.0
internal import TestSupport

/// Makes malformed requests, the same ones for one seed: a broken body in a sound frame, a sound request with bytes
/// changed anywhere, and frames that two programs could read differently around a request that would be signed.
struct RequestMaker {
    private var random: SeededGenerator
    private let key: String
    private var framed = 0

    init(_ random: SeededGenerator, key: String) {
        self.random = random
        self.key = key
    }

    mutating func next() -> [UInt8] {
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<5: return withBrokenBody()
        case 5..<9: return broken(sound())
        default: return ambiguous()
        }
    }

    /// A request to sign, well framed.
    static func post(_ key: String, _ body: String, fields: String = "") -> [UInt8] {
        post(key, Array(body.utf8), fields: fields)
    }

    private static func post(_ key: String, _ body: [UInt8], fields: String = "") -> [UInt8] {
        let head =
            "POST /api/v1/eth2/sign/\(key) HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\(fields)"
        return Array("\(head)Content-Length: \(body.count)\r\n\r\n".utf8) + body
    }

    private mutating func withBrokenBody() -> [UInt8] {
        let (key, body) = pair()
        return Self.post(key, broken(Array(body.utf8)), fields: "Accept: application/json\r\n")
    }

    /// A key with a body that it does not sign.
    private mutating func pair() -> (key: String, body: String) {
        let isForeign = Bool.random(using: &random)
        let body = (isForeign ? SignBodies.foreign : SignBodies.ours).randomElement(using: &random) ?? ""
        return (isForeign ? key : Self.unknownKey, body)
    }

    /// Where the changed bytes are in the path, no accident makes it the loaded one.
    private static let unknownKey =
        "0x8d2f5c77a1b03e94d6c812f0573ab96ee1d4c2b7a90f836455e07d1b2c3a4f5e6d7c8b9aa0b1c2d3e4f5061728394a5b"

    private mutating func sound() -> [UInt8] {
        let (key, body) = pair()
        switch Int.random(in: 0..<8, using: &random) {
        case 0..<4: return Self.post(key, body)
        case 4:
            let size = String(body.utf8.count, radix: 16)
            let head = "POST /api/v1/eth2/sign/\(key) HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
            return Array("\(head)\(size)\r\n\(body)\r\n0\r\n\r\n".utf8)
        case 5: return Array("GET /api/v1/eth2/publicKeys HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n".utf8)
        case 6: return Array("GET /upcheck?a=b&c=%41 HTTP/1.1\r\nHost: [::1]:9000\r\nCookie: a=b\r\n\r\n".utf8)
        default: return Self.post(key, body) + Array("GET /healthcheck HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)
        }
    }

    /// A request that would be signed if one of its readings were taken: the loaded key, our network, a new target.
    private mutating func ambiguous() -> [UInt8] {
        framed += 1
        let body = SignBodies.attestation(targetEpoch: 1000 + framed, genesisValidatorsRoot: SignBodies.mainnetRoot)
        let fields = Self.frames[framed % Self.frames.count].replacing("COUNT", with: "\(body.utf8.count)")
        let head = "POST /api/v1/eth2/sign/\(key) HTTP/1.1\r\nHost: localhost\r\n\(fields)\r\n"
        if fields.contains("hunked") {
            return Array("\(head)\(String(body.utf8.count, radix: 16))\r\n\(body)\r\n0\r\n\r\n".utf8)
        }
        return Array((head + body).utf8)
    }

    /// Each refused for itself, before a byte of body.
    private static let frames = [
        "Content-Length: COUNT\r\nContent-Length: COUNT\r\n", "Content-Length: COUNT\r\ncontent-length: 3\r\n",
        "Content-Length: COUNT, COUNT\r\n", "Content-Length: +COUNT\r\n", "Content-Length: -COUNT\r\n",
        "Content-Length: COUNT 0\r\n", "Content-Length: COUNTa\r\n", "Content-Length : COUNT\r\n",
        "Content-Length: 99999999999999999999\r\n", "X-A: b\nContent-Length: COUNT\r\n",
        "X-A: b\r\n c\r\nContent-Length: COUNT\r\n",
        "X-A: b\0c\r\nContent-Length: COUNT\r\n", "X-A: b\rc\r\nContent-Length: COUNT\r\n",
        "nonsense\r\nContent-Length: COUNT\r\n",
        ": b\r\nContent-Length: COUNT\r\n", "Host: localhost\r\nContent-Length: COUNT\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: COUNT\r\n", "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding : chunked\r\n", "Transfer-Encoding:\r\n chunked\r\n", "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding: gzip\r\nContent-Length: COUNT\r\n",
    ]

    // MARK: Breaking

    /// One change half of the time, for what is nearly sound; otherwise two to five.
    private mutating func broken(_ sound: [UInt8]) -> [UInt8] {
        var bytes = sound
        for _ in 0..<(Bool.random(using: &random) ? 1 : Int.random(in: 2...5, using: &random)) {
            let position = Int.random(in: 0...bytes.count, using: &random)
            let end = min(bytes.count, position + Int.random(in: 1..<40, using: &random))
            switch Int.random(in: 0..<6, using: &random) {
            case 0 where position < bytes.count: bytes[position] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.removeSubrange(position..<end)
            case 2: bytes.insert(contentsOf: Self.pieces.randomElement(using: &random) ?? [], at: position)
            case 3: bytes.removeSubrange(position...)
            case 4 where position < bytes.count: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            default:
                bytes.insert(contentsOf: bytes[position..<end], at: Int.random(in: 0...bytes.count, using: &random))
            }
        }
        return bytes
    }

    private static let pieces: [[UInt8]] =
        [
            "\r\n", "\n", "\r", "\0", " ", "\t", ":", ",", ";", "%", "%00", "%2f", "..", "Content-Length: 1\r\n",
            "chunked",
            "Host: x\r\n", "Transfer-Encoding: chunked\r\n", "-", "+", "0x", "99999999999999999999", "HTTP/1.0",
            "Connection: close\r\n", "\u{ff}", "?", "&=", "{", "}", "[", "]", "\"", "\\", "\\u0000", "\\ud800", "null",
            "true",
            "1e999", "-1", "18446744073709551616", "{\"a\":", "{}", "[[[[[[[[", "\u{feff}", "Expect: 100-continue\r\n",
            String(repeating: "[", count: 5000), String(repeating: "a", count: 20_000),
        ].map { Array($0.utf8) } + [[0x80], [0xff, 0xfe], [0xed, 0xa0, 0x80]]
}
