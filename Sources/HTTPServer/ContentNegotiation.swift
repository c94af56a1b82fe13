// SPDX-License-Identifier: Apache-2.0

/// What a client accepts, as Web3Signer reads it: entries are compared as they are, weights are ignored.
extension RequestHead {
    /// Whether some entry of `Accept` is `application/json` or `*/*`. Without an `Accept` it is false: those clients get
    /// text.
    package var acceptsJSON: Bool { acceptsEntry(["application/json", "*/*"]) }

    /// Whether a route that only produces `type` may answer: `Accept` is absent or empty, or has the type, its `type/*`
    /// or `*/*`.
    package func accepts(_ type: String) -> Bool {
        guard let accept = field("Accept"), !accept.isEmpty else { return true }
        let family = type.prefix { $0 != "/" } + "/*"
        return acceptsEntry([type, String(family), "*/*"])
    }

    private func acceptsEntry(_ types: [String]) -> Bool {
        var found = false
        forEachField { name, value in
            guard ASCII.areEqualIgnoringCase(name, "accept".utf8) else { return true }
            for entry in value.split(separator: UInt8(ascii: ",")) {
                let type = ASCII.trimmed(entry.prefix { $0 != UInt8(ascii: ";") })
                if types.contains(where: { ASCII.areEqualIgnoringCase(type, $0.utf8) }) { found = true }
            }
            return !found
        }
        return found
    }
}
