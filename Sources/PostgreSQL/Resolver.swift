// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Glibc

/// From names to addresses, within a time. libpq looks names up on the calling thread and as long as the system's
/// resolver likes, so it is only given addresses.
enum Resolver {
    struct Failure: Error {
        let reason: String
    }

    /// The addresses of a name in the system's order, as text. A name takes a thread of its own, which a resolver that
    /// hangs keeps until it gives up.
    static func addresses(of name: String, onlyIPv4: Bool, until deadline: Deadline) throws(Failure) -> [String] {
        let family = onlyIPv4 ? AF_INET : AF_UNSPEC
        if case .success(let literal) = lookUp(name, family: AF_UNSPEC, flags: AI_NUMERICHOST) {
            guard !onlyIPv4 || !name.contains(":") else {
                throw Failure(reason: "\(name) is an IPv6 address where only IPv4 is wanted")
            }
            return literal
        }
        let answer = Condition<Result<[String], Failure>?>(nil)
        _ = Thread(name: "pg-resolve") {
            let result = lookUp(name, family: family, flags: 0)
            answer.withLock { $0 = result }
        }
        guard let result = answer.wait(timeout: deadline.remaining, until: { $0 }) else {
            throw Failure(reason: "the name \(name) was not resolved in time")
        }
        return try result.get()
    }

    private static func lookUp(_ name: String, family: Int32, flags: Int32) -> Result<[String], Failure> {
        var hints = unsafe addrinfo()
        unsafe hints.ai_family = family
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = flags
        var list: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(name, nil, &hints, &list)
        defer { if let list = unsafe list { unsafe freeaddrinfo(list) } }
        guard code == 0 else {
            let words = unsafe gai_strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
            return .failure(Failure(reason: "the name \(name) cannot be resolved: \(words)"))
        }
        var addresses: [String] = []
        var next = unsafe list
        while let entry = unsafe next {
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let (address, length) = unsafe (entry.pointee.ai_addr, entry.pointee.ai_addrlen)
            let count = socklen_t(text.count)
            if unsafe getnameinfo(address, length, &text, count, nil, 0, NI_NUMERICHOST) == 0 {
                addresses.append(String(decoding: text.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self))
            }
            unsafe next = unsafe entry.pointee.ai_next
        }
        return .success(addresses)
    }
}
