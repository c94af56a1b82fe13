// SPDX-License-Identifier: Apache-2.0

/// Who can reach an address.
extension IPAddress {
    /// Only this machine.
    package var isLoopback: Bool { isVersion4 ? bits >> 24 == 127 : bits == 1 }

    /// Anybody on the internet: neither this machine nor a private, shared or link-local network (RFC 1918, RFC 6598,
    /// RFC 3927, RFC 4193, RFC 4291).
    package var isPublic: Bool {
        if isLoopback { return false }
        guard isVersion4 else { return bits >> 121 != 0x7e && bits >> 118 != 0x3fa && bits != 0 }
        let isPrivate =
            bits >> 24 == 10 || bits >> 20 == 0xac1 || bits >> 16 == 0xc0a8 || bits >> 22 == 0x191
            || bits >> 16 == 0xa9fe
        return !isPrivate
    }
}
