// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The order of the audit file, which the signer itself numbers: a line of a signature is written before the signature is let
/// out, the line that ends a change before its answer.
struct RaceTrail {
    /// What can be said of a line.
    enum Line: Sendable {
        case signature(caller: String, key: String)
        case taken(subject: String)
        case givenBack
        case other
    }

    let lines: [Line]

    /// - Parameters:
    ///   - taking: the actions that take something away.
    ///   - givingBack: the actions that give it back.
    init(_ text: String, taking: Set<String>, givingBack: Set<String> = []) {
        lines = text.split(separator: "\n").map { line in
            // Most lines are signatures, and there are many: each is read by what is needed of it.
            guard let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] else {
                return .other
            }
            func field(_ name: String) -> String { object[name] as? String ?? "" }
            switch (field("event"), field("outcome")) {
            case ("signing", "done"): return .signature(caller: field("caller"), key: field("key"))
            case ("admin", "done") where taking.contains(field("operation")): return .taken(subject: field("subject"))
            case ("admin", "begun") where givingBack.contains(field("operation")): return .givenBack
            default: return .other
            }
        }
    }

    var signatures: Int { lines.count { if case .signature = $0 { true } else { false } } }
    var changes: Int { lines.count { if case .taken = $0 { true } else { false } } }

    /// Signatures of a caller behind the line that took its token away.
    var behindRevocation: Int {
        var gone: Set<String> = []
        return lines.count { line in
            switch line {
            case .taken(let subject): gone.insert(subject.replacing("token ", with: "token:"))
            case .signature(let caller, _): return gone.contains(caller)
            case .givenBack, .other: break
            }
            return false
        }
    }

    /// Signatures between a line that took the key away and the next that gives it back.
    var whileGone: Int {
        var isGone = false
        return lines.count { line in
            switch line {
            case .taken: isGone = true
            case .givenBack: isGone = false
            case .signature: return isGone
            case .other: break
            }
            return false
        }
    }
}
