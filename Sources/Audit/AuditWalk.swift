// SPDX-License-Identifier: Apache-2.0
internal import Encoding

/// Follows a chain line by line. Pure: it sees lines, not files.
package struct AuditWalk: Sendable {
    /// After the last line that held.
    package private(set) var head: AuditHead
    private var scratch: [UInt8] = []

    package init(after head: AuditHead) { self.head = head }

    /// Whether a line is the next of the chain; goes on to it where it is.
    package mutating func follow(_ line: [UInt8]) -> Bool {
        guard let next = successor(line, of: head) else { return false }
        head = next
        return true
    }

    /// What a line is that did not follow.
    ///
    /// - Parameters:
    ///   - next: the lines behind it, two where there are two.
    ///   - standsLater: whether the line that should stand here stands further behind.
    package mutating func judge(
        _ line: [UInt8],
        next: [[UInt8]],
        standsLater: (UInt64) -> Bool
    ) -> (kind: AuditFinding.Kind, reason: String) {
        let expected = head.sequence + 1
        let claim = AuditLine.claim(of: line.span)
        let follower = next.first.flatMap { successor($0, of: head) }
        if let follower {
            // The line that belongs here is the one behind it: this one was put in front, or both changed places.
            if next.count > 1, successor(next[1], of: follower) == nil, claim?.sequence == expected + 1 {
                return (.reordered, "line \(expected) stands behind line \(expected + 1)")
            }
            return (.inserted, "this line was put in front of line \(expected)")
        }
        guard let claim, !AuditLine.isJoined(line.span) else {
            return (.changed, "line \(expected) was changed: it has not the form of a line of the trail any more")
        }
        // Whatever its number says: the line behind it follows what its hash was.
        let isFollowed = next.first.map { successor($0, of: AuditHead(sequence: expected, hash: claim.hash)) != nil }
        if claim.sequence == expected || isFollowed == true {
            return (.changed, "line \(expected) was changed: its hash is that of other bytes")
        }
        guard claim.sequence > expected else {
            return (.reordered, "line \(claim.sequence) stands here again or was moved, where line \(expected) belongs")
        }
        if standsLater(expected) {
            return (
                .reordered, "line \(claim.sequence) stands here, and line \(expected), which belongs here, behind it"
            )
        }
        let last = claim.sequence - 1
        return (.missing, last == expected ? "line \(expected) is missing" : "lines \(expected) to \(last) are missing")
    }

    private mutating func successor(_ line: [UInt8], of head: AuditHead) -> AuditHead? {
        guard let claim = AuditLine.claim(of: line.span), claim.sequence == head.sequence + 1,
            AuditLine.hash(ofSealed: line, after: head.hash, &scratch) == claim.hash
        else { return nil }
        return claim
    }
}
