// SPDX-License-Identifier: Apache-2.0
internal import CPostgreSQL
internal import Glibc

/// The way to a connection: the hosts in order, every address of each, until one takes us for reading and writing.
enum Dialing {
    private struct Refusal: Error {
        let reason: String
    }

    /// An open connection whose owner is the caller. Every host gets an equal part of the time that is left, so that one
    /// that does not answer leaves some for the next.
    static func connect(_ settings: PostgreSQLSettings) throws(PostgreSQLError) -> OpaquePointer {
        try Endpoint.refuseService()
        // libpq goes on without a certificate whose file is not there.
        if let certificate = settings.keywords["sslcert"], unsafe access(certificate, R_OK) != 0 {
            throw .unreachable(reason: "\(settings): the file of sslcert, \(certificate), cannot be read")
        }
        let limit = min(max(settings.connectTimeout, .milliseconds(100)), PostgreSQLSettings.longestConnectTimeout)
        let deadline = Deadline(after: limit)
        var reasons: [String] = []
        for (index, host) in settings.hosts.enumerated() {
            let part = deadline.share(of: settings.hosts.count - index)
            do throws(Refusal) {
                return try unsafe connect(host, settings, until: part)
            } catch {
                if !reasons.contains(error.reason) { reasons.append(error.reason) }
            }
        }
        throw .unreachable(reason: "\(settings): " + reasons.joined(separator: "; "))
    }

    private static func connect(
        _ host: PostgreSQLSettings.Host,
        _ settings: PostgreSQLSettings,
        until deadline: Deadline
    ) throws(Refusal) -> OpaquePointer {
        let endpoints = try endpoints(of: host, settings, until: deadline)
        var reasons: [String] = []
        for (index, endpoint) in endpoints.enumerated() {
            do throws(Refusal) {
                let part = deadline.share(of: endpoints.count - index)
                return try unsafe open(endpoint.connectionString(settings), endpoint, until: part)
            } catch {
                if !reasons.contains(error.reason) { reasons.append(error.reason) }
            }
        }
        throw Refusal(reason: reasons.joined(separator: "; "))
    }

    private static func endpoints(
        of host: PostgreSQLSettings.Host,
        _ settings: PostgreSQLSettings,
        until deadline: Deadline
    ) throws(Refusal) -> [Endpoint] {
        if host.isUnixSocket { return [Endpoint(host: host, address: nil)] }
        do throws(Resolver.Failure) {
            return try Resolver.addresses(of: host.name, onlyIPv4: settings.forceIPv4, until: deadline)
                .map { Endpoint(host: host, address: $0) }
        } catch { throw Refusal(reason: error.reason) }
    }

    /// `PQconnectStart` and `PQconnectPoll`, as their page tells it.
    private static func open(
        _ connectionString: String,
        _ endpoint: Endpoint,
        until deadline: Deadline
    ) throws(Refusal) -> OpaquePointer {
        guard let connection = unsafe PQconnectStart(connectionString) else {
            throw Refusal(reason: "libpq has no memory for a connection")
        }
        // Notices would go to the standard error output; whoever takes the connection may hear them.
        unsafe PQsetNoticeReceiver(connection, { _, _ in }, nil)
        var state = PGRES_POLLING_WRITING
        if unsafe PQstatus(connection) == CONNECTION_BAD { state = PGRES_POLLING_FAILED }
        while state != PGRES_POLLING_OK {
            if state == PGRES_POLLING_FAILED {
                let reason = unsafe ErrorText.last(of: connection)
                unsafe PQfinish(connection)
                throw Refusal(reason: ErrorText.withAdvice(reason))
            }
            let events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT
            guard unsafe deadline.wait(for: events, on: PQsocket(connection)) != nil else {
                unsafe PQfinish(connection)
                let place = endpoint.address.map { "\(endpoint.host.name) (\($0))" } ?? endpoint.host.name
                throw Refusal(reason: "\(place), port \(endpoint.host.port), did not answer in time")
            }
            state = unsafe PQconnectPoll(connection)
        }
        guard unsafe PQsetnonblocking(connection, 1) == 0 else {
            unsafe PQfinish(connection)
            throw Refusal(reason: "the connection cannot be made non-blocking")
        }
        return unsafe connection
    }
}
