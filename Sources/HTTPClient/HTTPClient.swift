// SPDX-License-Identifier: Apache-2.0
internal import CCurl
package import Secrets

/// One request, one answer, over TCP or a Unix socket (libcurl's easy interface). Blocks: for the command line, and for
/// threads of our own.
package struct HTTPClient: Sendable {
    /// Where requests go: the path of a Unix socket, or nil for what the URL says.
    package var unixSocket: String?
    package var connectTimeout: Duration
    package var timeout: Duration
    /// Answers longer than this are refused, in bytes.
    package var largestAnswer: Int

    /// Whom `https://` believes and who it is; nil for the system's authorities and nobody.
    package var tls = TLS()

    /// Files in PEM.
    package struct TLS: Sendable {
        package var authorities: String?
        package var certificate: String?
        package var key: String?

        package init(authorities: String? = nil, certificate: String? = nil, key: String? = nil) {
            self.authorities = authorities
            self.certificate = certificate
            self.key = key
        }
    }

    package init(
        unixSocket: String? = nil,
        connectTimeout: Duration = .seconds(5),
        timeout: Duration = .seconds(60),
        largestAnswer: Int = 1 << 30
    ) {
        self.unixSocket = unixSocket
        self.connectTimeout = connectTimeout
        self.timeout = timeout
        self.largestAnswer = largestAnswer
    }

    package struct Answer: Sendable {
        package let status: Int
        package let body: [UInt8]
        /// What `Retry-After` says; nil where it is not there.
        package let retryAfter: Duration?
    }

    /// Why there was no answer.
    package enum Failure: Error, Equatable, Sendable, CustomStringConvertible {
        /// TLS was not agreed on: the other side is not who it should be, or does not take this client.
        case untrusted(target: String, reason: String)
        /// Nobody listens there.
        case cannotConnect(target: String, reason: String)
        case timedOut(target: String)
        case tooLarge(limit: Int)
        case failed(target: String, reason: String)

        package var description: String {
            switch self {
            case .cannotConnect(let target, let reason): "no connection to \(target): \(reason)"
            case .untrusted(let target, let reason): "TLS to \(target) failed: \(reason)"
            case .timedOut(let target): "no answer from \(target) in time"
            case .tooLarge(let limit): "the answer is larger than \(limit) bytes"
            case .failed(let target, let reason): "the request to \(target) failed: \(reason)"
            }
        }
    }

    /// Sends `body` where there is one. Redirects are not followed; proxies of the environment are not used.
    package func send(
        _ method: String,
        _ url: String,
        headers: [String] = [],
        body: [UInt8]? = nil
    ) throws(Failure) -> Answer {
        let content = body ?? []
        return try perform(method, url, headers, content.span, hasBody: body != nil)
    }

    /// The same with a body that holds secrets. libcurl reads it where it lies; what it puts together for the socket, and its
    /// TLS library for the records, lies in ordinary memory until the connection is over.
    package func send(
        _ method: String,
        _ url: String,
        headers: [String] = [],
        secret body: borrowing SecretBytes
    ) throws(Failure) -> Answer {
        try perform(method, url, headers, body.span, hasBody: true)
    }

    private func perform(
        _ method: String,
        _ url: String,
        _ headers: [String],
        _ body: Span<UInt8>,
        hasBody: Bool
    ) throws(Failure) -> Answer {
        let target = unixSocket ?? url
        guard let handle = unsafe curl_easy_init() else {
            throw .failed(target: target, reason: "libcurl could not be started")
        }
        defer { unsafe curl_easy_cleanup(handle) }
        var list: UnsafeMutablePointer<curl_slist>?
        for header in headers + ["Expect:"] { unsafe list = curl_slist_append(list, header) }
        defer { unsafe curl_slist_free_all(list) }

        let received = Received(limit: largestAnswer)
        unsafe chamber_curl_set_text(handle, CURLOPT_URL, url)
        unsafe chamber_curl_set_text(handle, CURLOPT_CUSTOMREQUEST, method)
        unsafe chamber_curl_set_text(handle, CURLOPT_PROXY, "")
        unsafe chamber_curl_set_list(handle, CURLOPT_HTTPHEADER, list)
        unsafe chamber_curl_set_number(handle, CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        if let path = tls.authorities { unsafe chamber_curl_set_text(handle, CURLOPT_CAINFO, path) }
        if let path = tls.certificate { unsafe chamber_curl_set_text(handle, CURLOPT_SSLCERT, path) }
        if let path = tls.key { unsafe chamber_curl_set_text(handle, CURLOPT_SSLKEY, path) }
        unsafe chamber_curl_set_number(handle, CURLOPT_NOSIGNAL, 1)
        unsafe chamber_curl_set_number(handle, CURLOPT_CONNECTTIMEOUT_MS, connectTimeout.milliseconds)
        unsafe chamber_curl_set_number(handle, CURLOPT_TIMEOUT_MS, timeout.milliseconds)
        if let unixSocket { unsafe chamber_curl_set_text(handle, CURLOPT_UNIX_SOCKET_PATH, unixSocket) }
        unsafe chamber_curl_set_write(handle) { data, size, count, context in
            guard let data = unsafe data, let context = unsafe context else { return 0 }
            let received = unsafe Unmanaged<Received>.fromOpaque(context).takeUnretainedValue()
            return unsafe received.append(UnsafeRawBufferPointer(start: data, count: size * count)) ? size * count : 0
        }
        unsafe chamber_curl_set_pointer(handle, CURLOPT_WRITEDATA, Unmanaged.passUnretained(received).toOpaque())

        let code = unsafe body.withUnsafeBytes { content in
            if hasBody {
                unsafe chamber_curl_set_number(handle, CURLOPT_POST, 1)
                unsafe chamber_curl_set_size(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(content.count))
                // An empty array has no address; an absent one would make libcurl ask for data.
                let start = unsafe content.baseAddress.map { unsafe UnsafeMutableRawPointer(mutating: $0) }
                unsafe chamber_curl_set_pointer(handle, CURLOPT_POSTFIELDS, start ?? UnsafeMutableRawPointer(handle))
            }
            return unsafe curl_easy_perform(handle)
        }
        return try withExtendedLifetime(received) { () throws(Failure) -> Answer in
            if received.isTooLarge { throw .tooLarge(limit: largestAnswer) }
            if let failure = Failure(code, target: target) { throw failure }
            var status = 0
            unsafe chamber_curl_get_number(handle, CURLINFO_RESPONSE_CODE, &status)
            var seconds = curl_off_t(0)
            unsafe chamber_curl_get_size(handle, CURLINFO_RETRY_AFTER, &seconds)
            return Answer(
                status: status,
                body: received.bytes,
                retryAfter: seconds > 0 ? .seconds(Int64(seconds)) : nil
            )
        }
    }

    /// What has come of a body. Touched only by the thread that runs the transfer.
    private final class Received {
        private(set) var bytes: [UInt8] = []
        private(set) var isTooLarge = false
        private let limit: Int
        init(limit: Int) { self.limit = limit }

        func append(_ data: UnsafeRawBufferPointer) -> Bool {
            guard bytes.count + data.count <= limit else {
                isTooLarge = true
                return false
            }
            unsafe bytes.append(contentsOf: data)
            return true
        }
    }
}

extension HTTPClient.Failure {
    /// Nil for success.
    fileprivate init?(_ code: CURLcode, target: String) {
        let reason = unsafe String(cString: curl_easy_strerror(code))
        switch code {
        case CURLE_OK: return nil
        case CURLE_COULDNT_CONNECT, CURLE_COULDNT_RESOLVE_HOST: self = .cannotConnect(target: target, reason: reason)
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CACERT_BADFILE:
            self = .untrusted(target: target, reason: reason)
        case CURLE_OPERATION_TIMEDOUT: self = .timedOut(target: target)
        default: self = .failed(target: target, reason: reason)
        }
    }
}

extension Duration {
    fileprivate var milliseconds: Int {
        Int(components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000)
    }
}
