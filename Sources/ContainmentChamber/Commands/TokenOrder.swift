// SPDX-License-Identifier: Apache-2.0
internal import Arguments

/// What is sent to make a token or to change one.
struct TokenOrder: Encodable {
    /// When the token is over.
    enum End {
        /// A new token has none then; one that is there keeps its own.
        case unsaid
        case takenAway
        case after(seconds: Int64)
    }
    let name: String
    let policies: [String]?
    let end: End
    /// The one that operators have approved.
    let proposal: String?

    private enum Field: String, CodingKey {
        case name, policies, ttl_seconds, proposal
    }

    /// An end that is taken away is `null`, which is another thing than none that is said.
    func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: Field.self)
        try fields.encode(name, forKey: .name)
        try fields.encodeIfPresent(policies, forKey: .policies)
        switch end {
        case .unsaid: break
        case .takenAway: try fields.encodeNil(forKey: .ttl_seconds)
        case .after(let seconds): try fields.encode(seconds, forKey: .ttl_seconds)
        }
        try fields.encodeIfPresent(proposal, forKey: .proposal)
    }
}

extension TokenOrder.End {
    /// As `--ttl` says it.
    ///
    /// - Parameter mayBeTakenAway: whether `none` is a length of time.
    init(_ invocation: Invocation, mayBeTakenAway: Bool) throws(Failure) {
        guard let text = invocation["ttl"] else {
            self = .unsaid
            return
        }
        if mayBeTakenAway, text == "none" {
            self = .takenAway
            return
        }
        guard let lifetime = Lifetime(text) else {
            throw Failure("--ttl \(text) is no length of time", hint: "write 45m, 12h or 30d", exitCode: .usage)
        }
        self = .after(seconds: lifetime.seconds)
    }
}

/// A length of time as people write it: `45m`, `12h`, `30d`.
struct Lifetime {
    let seconds: Int64

    init?(_ text: String) {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let unit = text.last.flatMap({ units[$0] }), let count = Int64(text.dropLast()), count > 0 else {
            return nil
        }
        let (seconds, overflows) = count.multipliedReportingOverflow(by: unit)
        guard !overflows else { return nil }
        self.seconds = seconds
    }
}
