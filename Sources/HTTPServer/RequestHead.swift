// SPDX-License-Identifier: Apache-2.0

/// Everything of a request before its body. One copy of the head as it came; fields are looked up in it when asked for,
/// so that a request costs one allocation however many headers it has.
package struct RequestHead: Sendable {
    /// `METHOD 0 target 0 HTTP/1.x 0 0`, then for each field `name 0 blanks value 0 0`, then `0 0`: the framing check has
    /// seen to it that it has exactly this form.
    let bytes: [UInt8]
    let methodLength: Int
    let targetLength: Int
    let pathLength: Int
    /// The declared length of the body in bytes; nil without one and for a chunked body.
    package let contentLength: Int?
    package let isChunked: Bool
    package let peer: PeerAddress
    /// What the request showed in its `Authorization` field, whose text is nowhere any more.
    package let credential: Credential
    /// The certificate that the client has shown and that was accepted; nil without one.
    package let certificate: PeerCertificate?

    /// Whether bytes of a body follow.
    package var hasBody: Bool { isChunked || (contentLength ?? 0) > 0 }

    package var method: Method { Method(String(decoding: bytes[..<methodLength], as: UTF8.self)) }

    /// The path as it came, percent-encoding and all, without the query.
    package var rawPath: String { String(decoding: pathBytes, as: UTF8.self) }

    /// What follows the first `?`, undecoded; nil without one.
    package var rawQuery: String? {
        guard pathLength < targetLength else { return nil }
        return String(decoding: bytes[(pathStart + pathLength + 1)..<(pathStart + targetLength)], as: UTF8.self)
    }

    /// The decoded segments of the path; nil where the path is not one we serve (`PathSegments`).
    package var pathSegments: [String]? { PathSegments.decode(pathBytes) }

    /// The decoded parameters of the query in order. A malformed percent sign stays as it is; `+` is a blank.
    package var query: [(name: String, value: String)] { rawQuery.map(PercentEncoding.query) ?? [] }

    /// The first field of that name (any case), without surrounding blanks.
    package func value(of name: String) -> String? {
        field(name).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Every field of that name (any case), in order.
    package func values(of name: String) -> [String] {
        var found: [String] = []
        forEachField { candidate, value in
            if ASCII.areEqualIgnoringCase(candidate, name.utf8) { found.append(String(decoding: value, as: UTF8.self)) }
            return true
        }
        return found
    }

    /// The bytes of the first field of that name (any case), without surrounding blanks.
    package func field(_ name: String) -> ArraySlice<UInt8>? {
        let wanted = name.utf8.count
        var position = fieldsStart
        while let field = nextField(&position) {
            if field.name.count == wanted, ASCII.areEqualIgnoringCase(bytes[field.name], name.utf8) {
                return bytes[field.value]
            }
        }
        return nil
    }

    /// Visits the fields in order until `body` says false.
    package func forEachField(_ body: (_ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) -> Bool) {
        var position = fieldsStart
        while let field = nextField(&position), body(bytes[field.name], bytes[field.value]) {}
    }

    /// Where the next field lies; nil at the empty line.
    private func nextField(_ position: inout Int) -> (name: Range<Int>, value: Range<Int>)? {
        guard position < bytes.count - 2 else { return nil }
        let nameStart = position
        while bytes[position] != 0 { position += 1 }
        let name = nameStart..<position
        position += 1
        while ASCII.isBlank(bytes[position]) { position += 1 }
        let valueStart = position
        while bytes[position] != 0 { position += 1 }
        var valueEnd = position
        while valueEnd > valueStart, ASCII.isBlank(bytes[valueEnd - 1]) { valueEnd -= 1 }
        position += 2
        return (name, valueStart..<valueEnd)
    }

    var methodBytes: ArraySlice<UInt8> { bytes[..<methodLength] }
    var pathBytes: ArraySlice<UInt8> { bytes[pathStart..<(pathStart + pathLength)] }
    private var pathStart: Int { methodLength + 1 }
    private var fieldsStart: Int { pathStart + targetLength + 11 }  // 0, `HTTP/1.x`, 0, 0
}

extension RequestHead {
    /// A head that did not come over a socket, for tests of what stands above the server. `target` is path and query.
    package init(
        _ method: Method,
        _ target: String,
        headers: [(name: String, value: String)] = [],
        contentLength: Int? = nil,
        peer: PeerAddress = .local,
        credential: Credential = .none,
        certificate: PeerCertificate? = nil
    ) {
        var bytes = Array(method.name.utf8) + [0] + Array(target.utf8) + [0] + Array("HTTP/1.1".utf8) + [0, 0]
        for header in headers { bytes += Array(header.name.utf8) + [0, 0x20] + Array(header.value.utf8) + [0, 0] }
        self.init(
            bytes: bytes + [0, 0],
            methodLength: method.name.utf8.count,
            targetLength: target.utf8.count,
            pathLength: target.utf8.prefix { $0 != UInt8(ascii: "?") }.count,
            contentLength: contentLength,
            isChunked: false,
            peer: peer,
            credential: credential,
            certificate: certificate
        )
    }
}

/// A request method; case matters, as RFC 9110 §9.1 has it.
package struct Method: Sendable, Hashable, CustomStringConvertible, ExpressibleByStringLiteral {
    package let name: String

    package init(_ name: String) { self.name = name }
    package init(stringLiteral name: String) { self.name = name }

    package static let get: Method = "GET"
    package static let post: Method = "POST"
    package static let put: Method = "PUT"
    package static let patch: Method = "PATCH"
    package static let delete: Method = "DELETE"

    package var description: String { name }
}
