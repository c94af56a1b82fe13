// SPDX-License-Identifier: Apache-2.0

/// Reads a head in the buffer of libmicrohttpd and refuses every head that two programs could read differently.
///
/// The library (0.9.75) accepts bare LF, continued lines, zero bytes, a blank before the colon, several lengths and more
/// (blueprint §8), and shows none of it in the values it hands out. But it parses in place: of the head as it came it
/// only overwrites the blanks of the request line, each colon, each CR and each LF with a zero (and, in the query, `?`, `&`
/// and `=`). So the bytes between the pointers show how the lines were really ended: two zeros are CR LF, one is a bare LF,
/// more is a hidden zero byte. We require the one layout that a well-formed head leaves behind, over exactly the size
/// that the library counted, and with as many fields as it counted.
///
/// One thing cannot be told apart here: at the end of a line, a zero byte and a bare LF in either order look like CR LF.
/// Neither reading has hidden bytes: to the library a line that begins with a zero byte is the empty line, so that
/// anything else behind it would stand where the end of the head must be.
@safe struct Framing {
    /// First byte of the head.
    let base: UnsafeRawPointer
    /// Bytes up to and including the empty line.
    let size: Int
    /// Where the library says that the target starts and how long it was before it was taken apart.
    let targetOffset: Int
    let targetLength: Int
    /// Bytes of the target as they were, kept where it has a query.
    let target: [UInt8]
    let versionOffset: Int
    /// Fields the library counted.
    let fieldCount: Int
    let limits: HTTPServerSettings.Limits
    let peer: PeerAddress
    let certificate: PeerCertificate?
    let readCredential: CredentialReader?

    private var position = 0
    private var lengths = 0
    private var contentLength: Int?
    private var codings = 0
    private var isChunked = false
    private var hosts = 0
    private var authorizations: [Range<Int>] = []
    private var fields = 0

    init(
        base: UnsafeRawPointer,
        size: Int,
        targetOffset: Int,
        targetLength: Int,
        target: [UInt8],
        versionOffset: Int,
        fieldCount: Int,
        limits: HTTPServerSettings.Limits,
        peer: PeerAddress,
        certificate: PeerCertificate?,
        readCredential: CredentialReader?
    ) {
        unsafe self.base = unsafe base
        self.size = size
        self.targetOffset = targetOffset
        self.targetLength = targetLength
        self.target = target
        self.versionOffset = versionOffset
        self.fieldCount = fieldCount
        self.limits = limits
        self.peer = peer
        self.certificate = certificate
        self.readCredential = readCredential
    }

    enum Reading {
        case head(RequestHead)
        case refused(Refusal)
    }

    /// The head, or the first reason to refuse it.
    mutating func read() -> Reading {
        guard size <= limits.headBytes, fieldCount <= limits.headFields else { return .refused(.headTooLarge) }
        let refusal = requestLine() ?? fieldLines() ?? bodyFraming()
        // Before the head is copied, and whether or not it is taken.
        let credential = takeCredential()
        if let refusal { return .refused(.malformed(refusal)) }
        let methodLength = targetOffset - 1
        return .head(
            RequestHead(
                bytes: copy(),
                methodLength: methodLength,
                targetLength: targetLength,
                pathLength: target.isEmpty ? targetLength : target.prefix { $0 != UInt8(ascii: "?") }.count,
                contentLength: contentLength,
                isChunked: isChunked,
                peer: peer,
                credential: credential,
                certificate: certificate
            )
        )
    }

    /// Reads the credential in the buffer and overwrites it there: no copy of it is left.
    private func takeCredential() -> Credential {
        var credential = Credential.none
        for range in authorizations {
            let value = unsafe UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count)
            let span = unsafe Span<UInt8>(_unsafeBytes: value)
            credential = readCredential.map { $0(span) } ?? .unreadable
            // The buffer is libmicrohttpd's own, and it does not look at this field.
            unsafe UnsafeMutableRawPointer(mutating: base + range.lowerBound)
                .initializeMemory(as: UInt8.self, repeating: UInt8(ascii: "*"), count: range.count)
        }
        return credential
    }

    // MARK: Request line

    private mutating func requestLine() -> String? {
        guard targetOffset > 1, targetLength > 0, versionOffset == targetOffset + targetLength + 1,
            versionOffset + 12 <= size
        else { return "the request line is not METHOD target HTTP/1.1" }
        for offset in 0..<(targetOffset - 1) where !ASCII.isTokenCharacter(byte(offset)) {
            return "the method is not a token"
        }
        guard byte(targetOffset - 1) == 0, byte(versionOffset - 1) == 0 else {
            return "the request line is not METHOD target HTTP/1.1"
        }
        guard byte(targetOffset) == UInt8(ascii: "/") else { return "the target is not a path" }
        for offset in 0..<targetLength {
            let byte = target.isEmpty ? byte(targetOffset + offset) : target[offset]
            // Visible ASCII. A fragment is never sent (RFC 9112 §3.2).
            if byte < 0x21 || byte > 0x7e || byte == UInt8(ascii: "#") { return "the target has a forbidden character" }
        }
        guard byte(versionOffset + 7) &- 0x30 < 2, byte(versionOffset + 8) == 0, byte(versionOffset + 9) == 0 else {
            return "the request line does not end with CR LF"
        }
        position = versionOffset + 10
        return nil
    }

    // MARK: Fields

    private mutating func fieldLines() -> String? {
        while position < size - 2 {
            if let reason = fieldLine() { return reason }
        }
        guard position == size - 2, byte(position) == 0, byte(position + 1) == 0 else {
            return "the head does not end with an empty line"
        }
        return fields == fieldCount ? nil : "the lines of the head do not match its fields"
    }

    private mutating func fieldLine() -> String? {
        let end = size - 2
        let nameStart = position
        while position < end, ASCII.isTokenCharacter(byte(position)) { position += 1 }
        let nameLength = position - nameStart
        guard nameLength > 0, position < end, byte(position) == 0 else { return "a field name is not a token" }
        position += 1
        while position < end, ASCII.isBlank(byte(position)) { position += 1 }
        let valueStart = position
        while position < end, isFieldCharacter(byte(position)) { position += 1 }
        // Two zeros where CR LF was. Anything else there is a control character, or a bare CR or LF.
        guard position + 1 < end, byte(position) == 0, byte(position + 1) == 0 else {
            return "a field has a control character or does not end with CR LF"
        }
        let valueLength = position - valueStart
        position += 2
        fields += 1
        switch nameLength {
        case 4 where isNamed("host", nameStart): hosts += 1
        case 13 where isNamed("authorization", nameStart):
            authorizations.append(valueStart..<(valueStart + valueLength))
        case 14 where isNamed("content-length", nameStart):
            lengths += 1
            return length(valueStart, valueLength)
        case 17 where isNamed("transfer-encoding", nameStart):
            codings += 1
            isChunked = valueLength == 7 && matches("chunked", valueStart)
            if !isChunked { return "the only transfer coding taken is chunked" }
        default: break
        }
        return nil
    }

    private mutating func length(_ start: Int, _ count: Int) -> String? {
        guard count > 0, count <= 18 else { return "Content-Length is not a number" }
        var value = 0
        for offset in start..<(start + count) {
            let digit = byte(offset) &- UInt8(ascii: "0")
            guard digit < 10 else { return "Content-Length is not a number" }
            value = value * 10 + Int(digit)
        }
        contentLength = value
        return nil
    }

    private func bodyFraming() -> String? {
        if hosts != 1 { return hosts == 0 ? "Host is missing" : "Host is given twice" }
        if authorizations.count > 1 { return "Authorization is given twice" }
        if lengths > 1 { return "Content-Length is given twice" }
        if codings > 1 { return "Transfer-Encoding is given twice" }
        if codings == 1, lengths == 1 { return "Content-Length and Transfer-Encoding exclude each other" }
        if codings == 1, byte(versionOffset + 7) == UInt8(ascii: "0") { return "HTTP/1.0 has no transfer coding" }
        return nil
    }

    // MARK: Bytes

    private func byte(_ offset: Int) -> UInt8 {
        // Every caller stays below `size`; the buffer outlives the callback in which this value lives.
        assert(offset >= 0 && offset < size)
        return unsafe base.load(fromByteOffset: offset, as: UInt8.self)
    }

    private func isFieldCharacter(_ byte: UInt8) -> Bool { byte >= 0x20 ? byte != 0x7f : byte == 0x09 }

    private func isNamed(_ name: StaticString, _ start: Int) -> Bool {
        for offset in 0..<name.utf8CodeUnitCount
        where unsafe ASCII.lowercased(byte(start + offset)) != name.utf8Start[offset] {
            return false
        }
        return true
    }

    private func matches(_ text: StaticString, _ start: Int) -> Bool {
        for offset in 0..<text.utf8CodeUnitCount where unsafe byte(start + offset) != text.utf8Start[offset] {
            return false
        }
        return true
    }

    /// The head as `RequestHead` wants it: the target as it was.
    private func copy() -> [UInt8] {
        var bytes = unsafe [UInt8](UnsafeRawBufferPointer(start: base, count: size))
        for (offset, byte) in target.enumerated() { bytes[targetOffset + offset] = byte }
        return bytes
    }
}
