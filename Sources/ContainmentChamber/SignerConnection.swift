// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import Configuration
internal import Encoding
internal import Foundation
internal import HTTPClient
internal import Secrets

/// A running signer, as a command reaches it: by its URL and a token, or over the admin socket.
///
/// The token passes through libcurl, which takes nothing but text: in the process of the command, which ends with it, it
/// lies in ordinary memory.
struct SignerConnection {
    private let client: HTTPClient
    private let base: String
    private let headers: [String]
    /// What to try next, by status or by the code of a refusal, where the command knows more than this does.
    private let hints: [String: String]
    /// Where nothing is said.
    static let usualURL = "http://127.0.0.1:9000"

    /// `--signer-url`, `--auth-token`, `--ca-cert`, `--client-cert`, `--client-key`, `--allow-plaintext-signer`.
    ///
    /// - Parameters:
    ///   - url: of the signer, instead of `--signer-url`.
    ///   - bearer: what is shown instead of `--auth-token`.
    ///   - patience: for one answer.
    init(
        _ invocation: Invocation,
        url: String? = nil,
        bearer: consuming SecretBytes? = nil,
        patience: Duration = .seconds(60),
        hints: [String: String] = [:]
    ) throws(Failure) {
        base = try Self.base(
            url ?? invocation["signer-url"] ?? Self.usualURL,
            allowsPlaintext: invocation.isSet("allow-plaintext-signer")
        )
        client = try Self.client(invocation, isEncrypted: base.hasPrefix("https:"), patience)
        self.hints = hints
        var headers = ["Accept: application/json", "Content-Type: application/json"]
        if let bearer {
            headers.append(try Self.authorization(bearer))
        } else if let token = try Self.token(invocation) {
            headers.append(try Self.authorization(token))
        }
        self.headers = headers
    }

    /// A management token, where one is named.
    private static func token(_ invocation: Invocation) throws(Failure) -> SecretBytes? {
        guard let text = invocation["auth-token"] else { return nil }
        return try SecretInput.read(text, of: "--auth-token")
    }

    private static func authorization(_ token: borrowing SecretBytes) throws(Failure) -> String {
        let span = token.span
        for position in span.indices {
            guard span[position] > 0x20, span[position] < 0x7f else {
                throw Failure("what stands where the token should is no token", exitCode: .usage)
            }
        }
        return "Authorization: Bearer " + String(decoding: span.indices.map { span[$0] }, as: UTF8.self)
    }

    /// The admin socket of a configuration.
    init(socketOf configuration: Configuration, patience: Duration = .seconds(60)) throws(Failure) {
        let socket = configuration.adminSocketPath
        guard FileManager.default.fileExists(atPath: socket) else {
            throw Failure(
                "no signer runs with this configuration: there is no admin socket at \(socket)",
                hint: "start the signer first; the command needs the same configuration, user and folder"
            )
        }
        client = HTTPClient(unixSocket: socket, timeout: patience)
        base = "http://localhost"
        headers = ["Accept: application/json", "Content-Type: application/json"]
        hints = [:]
    }

    private static func client(
        _ invocation: Invocation,
        isEncrypted: Bool,
        _ patience: Duration
    ) throws(Failure) -> HTTPClient {
        var client = HTTPClient(timeout: patience)
        client.tls = HTTPClient.TLS(
            authorities: invocation["ca-cert"],
            certificate: invocation["client-cert"],
            key: invocation["client-key"]
        )
        for name in ["ca-cert", "client-cert", "client-key"] {
            guard let path = invocation[name] else { continue }
            guard isEncrypted else {
                throw Failure("--\(name) is for a signer behind https://", exitCode: .usage)
            }
            guard FileManager.default.isReadableFile(atPath: path) else {
                throw Failure("--\(name) \(path) does not exist or may not be read", exitCode: .usage)
            }
        }
        guard (client.tls.certificate == nil) == (client.tls.key == nil) else {
            throw Failure("--client-cert and --client-key come together", exitCode: .usage)
        }
        return client
    }

    private static func base(_ url: String, allowsPlaintext: Bool) throws(Failure) -> String {
        guard let parts = URLComponents(string: url), let host = parts.host, parts.user == nil, parts.query == nil,
            parts.path.isEmpty || parts.path == "/"
        else {
            throw Failure("--signer-url \(url) is not a URL", hint: "write https://HOST:PORT", exitCode: .usage)
        }
        switch parts.scheme {
        case "https": break
        case "http":
            let bare = host.trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
            let address = IPAddress(bare)
            let isLocal =
                bare == "localhost" || address.map { $0.isVersion4 ? $0.bits >> 24 == 127 : $0.bits == 1 } ?? false
            guard isLocal || allowsPlaintext else {
                throw Failure(
                    "\(url) is not encrypted: whoever listens on the way would learn the token",
                    hint: "use https://, or --allow-plaintext-signer where the network is yours alone",
                    exitCode: .usage
                )
            }
        default: throw Failure("--signer-url \(url) is neither https:// nor http://", exitCode: .usage)
        }
        return String(url.last == "/" ? url.dropLast() : url[...])
    }

    /// The body of a good answer.
    func send(_ method: String, _ path: String, body: [UInt8]? = nil) throws(Failure) -> [UInt8] {
        try exchange(method, path, body: body).body
    }

    /// The same, asked again where the answer is a refusal of a code that passes: when `Retry-After` is over, and for a minute
    /// at most. Each wait is told.
    func send(_ method: String, _ path: String, body: [UInt8], waitingFor code: String) throws(Failure) -> [UInt8] {
        var left = Self.longestWait
        while true {
            let answer = try request(method, path, body)
            guard !(200..<300).contains(answer.status) else { return answer.body }
            let refusal = failure(answer, method, path)
            guard refusal.code == code, let asked = answer.retryAfter else { throw refusal }
            let pause = max(asked, .seconds(1))
            guard pause <= left else { throw refusal }
            left -= pause
            Output.complain("\(refusal.message); asked again in \(pause.components.seconds) s")
            Thread.sleep(forTimeInterval: TimeInterval(pause.components.seconds))
        }
    }

    private static let longestWait = Duration.seconds(60)

    /// The same with its status, where there is more than one good answer.
    func exchange(_ method: String, _ path: String, body: [UInt8]? = nil) throws(Failure) -> HTTPClient.Answer {
        let answer = try request(method, path, body)
        guard (200..<300).contains(answer.status) else { throw failure(answer, method, path) }
        return answer
    }

    /// The same with a body that holds secrets.
    func send(_ method: String, _ path: String, secret body: borrowing SecretBytes) throws(Failure) -> [UInt8] {
        let answer: HTTPClient.Answer
        do throws(HTTPClient.Failure) {
            answer = try client.send(method, base + path, headers: headers, secret: body)
        } catch { throw Self.failure(error) }
        guard (200..<300).contains(answer.status) else { throw failure(answer, method, path) }
        return answer.body
    }

    /// Whether there is something at a path.
    func has(_ path: String) throws(Failure) -> Bool {
        let answer = try request("GET", path, nil)
        if answer.status == 404 { return false }
        guard answer.status == 200 else { throw failure(answer, "GET", path) }
        return true
    }

    private func request(_ method: String, _ path: String, _ body: [UInt8]?) throws(Failure) -> HTTPClient.Answer {
        do throws(HTTPClient.Failure) {
            return try client.send(method, base + path, headers: headers, body: body)
        } catch { throw Self.failure(error) }
    }

    private static func failure(_ error: HTTPClient.Failure) -> Failure {
        let hint: String
        if case .untrusted = error {
            hint =
                "--ca-cert names the authority of the signer's certificate; a signer that wants to know its clients "
                + "needs --client-cert and --client-key"
        } else {
            hint = "is the signer running, and is --signer-url right?"
        }
        return Failure("\(error)", hint: hint)
    }

    private func failure(_ answer: HTTPClient.Answer, _ method: String, _ path: String) -> Failure {
        struct Document: Decodable {
            struct Content: Decodable {
                let code: String
                let message: String
            }
            let error: Content
        }
        let document = try? JSONDecoder().decode(Document.self, from: Data(answer.body))
        let message = document?.error.message ?? "the signer answered \(answer.status) to \(method) \(path)"
        let known = (document?.error.code).flatMap { hints[$0] } ?? hints["\(answer.status)"]
        let hint: String? =
            switch answer.status {
            case 403 where message.contains("health checks only"): "--signer-url names the TLS port, with https://"
            case _ where known != nil: known
            case 401: "--auth-token env:NAME names a management token; operator generate-root-token makes the first"
            case 403: "the token's policies need the scope auth_read, or auth_write to change something"
            default: nil
            }
        return Failure(message, hint: hint, code: document?.error.code)
    }
}
