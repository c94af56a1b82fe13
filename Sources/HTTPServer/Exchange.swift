// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// The request that a connection is busy with, as its own thread sees it: from the request line to the answer's last byte.
/// Everything here runs inside callbacks of libmicrohttpd on the one thread of the socket.
@safe final class Exchange {
    private enum Stage {
        case head
        case body(limit: Int, answerLimit: Duration?, shed: Shedding?, respond: @Sendable (Request) async -> Response)
        /// The answer is known; the rest of the body is thrown away first.
        case discarding(Response)
        case working
        case answered
    }

    private var stage = Stage.head
    private var head: RequestHead?
    private var body: [UInt8] = []
    /// Bytes taken from the budget for `body`.
    private var reserved = 0
    private var discarded = 0
    private var chunks: Chunks?
    private var closes = false
    /// The target as it came: address in the buffer of libmicrohttpd, length, and a copy where it has a query.
    private var targetAddress: UnsafePointer<CChar>?
    private var targetLength = 0
    private var target: [UInt8] = []

    /// What of a refused body is read before the connection is closed instead.
    private static let discardLimit = 64 * 1024

    // MARK: Callbacks

    /// The request line was read: the earliest sign of a request.
    func targetArrived(_ address: UnsafePointer<CChar>, on connection: Connection) {
        isFresh = false
        unsafe targetAddress = unsafe address
        let bytes = unsafe UnsafeRawBufferPointer(start: address, count: strlen(address))
        targetLength = bytes.count
        target = unsafe bytes.contains(UInt8(ascii: "?")) ? Array(bytes) : []
        connection.setDeadline(connection.core.headLimit)
    }

    /// The head is complete. Decides, and returns whether libmicrohttpd may go on.
    func headArrived(
        _ handle: ConnectionHandle,
        method: UnsafePointer<CChar>,
        version: UnsafePointer<CChar>,
        on connection: Connection
    ) -> Bool {
        let core = connection.core
        connection.setDeadline(core.bodyLimit)
        connection.markBusy()
        core.requestBegan()
        isCounted = true
        let certificate: PeerCertificate?
        do throws(CertificateRefusal) { certificate = try connection.tls?.client() } catch {
            closes = true
            // By the source of the certificates, which knows more.
            isTold = true
            return answerNow(
                handle,
                Refusal.certificateNotAccepted("\(error)").response(acceptsJSON: true),
                on: connection
            )
        }
        var framing = unsafe Framing(
            base: UnsafeRawPointer(method),
            size: handle.headSize,
            targetOffset: targetAddress.map { unsafe $0 - method } ?? 0,
            targetLength: targetLength,
            target: target,
            versionOffset: version - method,
            fieldCount: handle.fieldCount,
            limits: core.settings.limits,
            peer: connection.peer,
            certificate: certificate,
            readCredential: core.settings.readCredential
        )
        switch framing.read() {
        case .refused(let refusal):
            closes = true
            tell(refusal, on: connection, path: unsafe path(after: method, within: handle.headSize))
            return answerNow(handle, refusal.response(acceptsJSON: true), on: connection)
        case .head(let head):
            self.head = head
            if head.isChunked { unsafe chunks = Chunks(after: UnsafeRawPointer(method) + head.bytes.count) }
            return admit(handle, head, on: connection)
        }
    }

    /// Whether the head of the current request was counted as a request under way.
    private var isCounted = false

    /// Whether the connection has seen no request line yet that could be read.
    private(set) var isFresh = true

    /// Whether somebody has been told of the refusal of this request.
    private var isTold = false

    /// Tells of a refusal by the server itself, once for each request.
    func tell(_ refusal: Refusal, on connection: Connection, path: String? = nil) {
        guard !isTold else { return }
        isTold = true
        connection.core.settings.refused?(RefusedRequest(refusal, peer: connection.peer, head: head, path: path))
    }

    /// The target of a head that cannot be read, without its query; nil where even that is not known.
    private func path(after method: UnsafePointer<CChar>, within size: Int) -> String? {
        if !target.isEmpty { return String(decoding: target.prefix { $0 != UInt8(ascii: "?") }, as: UTF8.self) }
        guard let start = unsafe targetAddress else { return nil }
        let offset = unsafe start - method
        guard offset > 0, offset + targetLength <= size else { return nil }
        return unsafe String(decoding: UnsafeRawBufferPointer(start: start, count: targetLength), as: UTF8.self)
    }

    private func admit(_ handle: ConnectionHandle, _ head: RequestHead, on connection: Connection) -> Bool {
        let core = connection.core
        // What follows a chunked body is not trusted: its framing was checked by libmicrohttpd alone.
        closes = head.isChunked
        if core.isStopping { return refuse(handle, .stopping, on: connection) }
        if let expectation = head.field("Expect"), !ASCII.areEqualIgnoringCase(expectation, "100-continue".utf8) {
            return refuse(handle, .unknownExpectation, on: connection)
        }
        switch core.handler.admit(head) {
        case .answer(let response):
            return answerAfterBody(handle, response, on: connection)
        case .refuse(let refusal):
            return refuse(handle, refusal, on: connection)
        case .refused(let response):
            isTold = true
            return answerAfterBody(handle, response, on: connection)
        case .proceed(let routeLimit, let answerLimit, let shed, let respond):
            let limit = routeLimit ?? core.settings.limits.bodyBytes
            let length = head.contentLength ?? 0
            if length > limit { return refuse(handle, .bodyTooLarge(limit: limit), on: connection) }
            // The first part is reserved now, the rest as it comes: a length that is only announced takes nothing.
            if length > 0, !reserve(min(length, Self.discardLimit), core) {
                return refuse(handle, .bodyBudgetSpent, on: connection)
            }
            stage = .body(limit: limit, answerLimit: answerLimit, shed: shed, respond: respond)
            return true
        }
    }

    /// Part of the body; returns whether libmicrohttpd may go on.
    func bodyArrived(_ bytes: UnsafeRawBufferPointer, on connection: Connection) -> Bool {
        if unsafe chunks?.accepts(bytes) == false {
            chunks = nil
            discardFrom(.malformedChunk, connection)
        }
        switch stage {
        case .body(let limit, _, _, _):
            let total = body.count + bytes.count
            if total > limit {
                discardFrom(.bodyTooLarge(limit: limit), connection)
            } else if total > reserved, !reserve(min(max(total, reserved * 2), limit) - reserved, connection.core) {
                discardFrom(.bodyBudgetSpent, connection)
            } else {
                unsafe body.append(contentsOf: bytes)
            }
            return true
        case .discarding:
            discarded += bytes.count
            // A body without announced end is not read for ever.
            return discarded <= connection.core.settings.limits.bodyBytes
        case .head, .working, .answered:
            return false
        }
    }

    /// The whole request is there, or the connection was resumed.
    func requestArrived(_ handle: ConnectionHandle, on connection: Connection) -> Bool {
        switch stage {
        case .body(_, let answerLimit, let shed, let respond):
            guard let head else { return false }
            if let response = shed?(head, body) { return answerNow(handle, response, on: connection) }
            stage = .working
            connection.setAwaitsClient(false)
            let request = Request(head: head, body: body, connection: connection)
            body = []
            let taken = reserved
            reserved = 0
            if connection.work(request, reserved: taken, answerLimit: answerLimit, respond) { return true }
            connection.core.budget.give(back: taken)
            closes = true
            tell(.stopping, on: connection)
            return answerNow(handle, Refusal.stopping.response(acceptsJSON: true), on: connection)
        case .discarding(let response):
            return answerNow(handle, response, on: connection)
        case .working:
            guard let response = connection.takeAnswer() else { return false }
            return answerNow(handle, response, on: connection)
        case .head, .answered:
            return false
        }
    }

    /// The last byte was sent, or the request came to a bad end.
    func ended(on connection: Connection) {
        connection.core.budget.give(back: reserved)
        if isCounted { connection.core.requestEnded() }
        isCounted = false
        isTold = false
        reserved = 0
        discarded = 0
        chunks = nil
        closes = false
        stage = .head
        head = nil
        body = []
        unsafe targetAddress = nil
        targetLength = 0
        target = []
        connection.markIdle()
        connection.setAwaitsClient(true)
        connection.setDeadline(connection.core.idleLimit)
    }

    var awaitsHead: Bool { if case .head = stage { true } else { false } }

    // MARK: Answers

    private func refuse(_ handle: ConnectionHandle, _ refusal: Refusal, on connection: Connection) -> Bool {
        tell(refusal, on: connection)
        let response = refusal.response(acceptsJSON: head?.acceptsJSON ?? true)
        return answerAfterBody(handle, response, on: connection)
    }

    /// Without a body, or with a small one that is on its way anyway, the connection stays usable: then the answer is
    /// queued when the request is complete. (An answer queued in the header hook makes libmicrohttpd close.)
    private func answerAfterBody(_ handle: ConnectionHandle, _ response: Response, on connection: Connection) -> Bool {
        guard let head, !head.isChunked, head.contentLength ?? 0 <= Self.discardLimit,
            !head.hasBody || head.field("Expect") == nil
        else {
            closes = true
            return answerNow(handle, response, on: connection)
        }
        stage = .discarding(response)
        return true
    }

    private func discardFrom(_ refusal: Refusal, _ connection: Connection) {
        tell(refusal, on: connection)
        body = []
        connection.core.budget.give(back: reserved)
        reserved = 0
        closes = true
        stage = .discarding(refusal.response(acceptsJSON: head?.acceptsJSON ?? true))
    }

    private func answerNow(_ handle: ConnectionHandle, _ response: Response, on connection: Connection) -> Bool {
        stage = .answered
        connection.setAwaitsClient(false)
        connection.setDeadline(connection.core.sendLimit)
        return response.queue(on: handle, closing: closes || connection.core.isStopping)
    }

    private func reserve(_ bytes: Int, _ core: ServerCore) -> Bool {
        guard core.budget.take(bytes) else { return false }
        reserved += bytes
        body.reserveCapacity(reserved)
        return true
    }
}
