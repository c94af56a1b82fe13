// SPDX-License-Identifier: Apache-2.0
package import AWS
internal import JSON

/// Why an operation has no result.
package enum DynamoDBError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The condition of a single write did not hold; nothing was written. What stands there, where it was asked for.
    case conditionFailed(Item?)
    /// Nothing of the transaction was done; one reason for each of its operations, in order.
    case canceled([CancellationReason])
    /// The table does not exist in this region and account.
    case tableMissing(reason: String)
    /// The table exists already.
    case tableExists(reason: String)
    /// The answer to a read cannot be understood.
    case malformed(reason: String)
    /// Everything else; among it what is unclear.
    case aws(AWSError)

    package var description: String {
        switch self {
        case .conditionFailed: "the condition of a write did not hold"
        case .canceled(let reasons):
            "the transaction was canceled: " + reasons.map(\.description).joined(separator: ", ")
        case .tableMissing(let reason), .tableExists(let reason): reason
        case .malformed(let reason): "an answer of DynamoDB cannot be understood: \(reason)"
        case .aws(let error): error.description
        }
    }
}

/// What one operation of a canceled transaction had to do with it.
package enum CancellationReason: Equatable, Sendable, CustomStringConvertible {
    /// It would have gone well.
    case none
    /// Its condition did not hold. What stands there, where it was asked for.
    case conditionFailed(Item?)
    /// Another transaction was at the same item.
    case conflict
    /// The table had no room for it.
    case throttled
    case other(code: String)

    package var description: String {
        switch self {
        case .none: "none"
        case .conditionFailed: "condition failed"
        case .conflict: "conflict"
        case .throttled: "throttled"
        case .other(let code): code
        }
    }
}

extension CancellationReason {
    init(_ json: JSONValue) throws(DynamoDBError) {
        switch json.member("Code")?.string?.string ?? "" {
        case "None": self = .none
        case "ConditionalCheckFailed":
            self = .conditionFailed(
                try json.member("Item").map { value throws(DynamoDBError) in try item(from: value) }
            )
        case "TransactionConflict": self = .conflict
        case "ProvisionedThroughputExceeded", "ThrottlingError": self = .throttled
        case let code: self = .other(code: String(code.prefix(80)))
        }
    }

    /// The reasons in the answer to a canceled transaction.
    static func all(in body: [UInt8]) throws(DynamoDBError) -> [CancellationReason] {
        guard let list = (try? JSONDocument(body))?.root.member("CancellationReasons"), list.kind == .array else {
            throw .malformed(reason: "a canceled transaction names no reasons")
        }
        var reasons: [CancellationReason] = []
        for element in list.elements { reasons.append(try CancellationReason(element)) }
        return reasons
    }
}

extension DynamoDBError {
    /// Puts the service's words into ours.
    init(_ error: AWSError) {
        guard case .service(let refusal) = error else {
            self = .aws(error)
            return
        }
        switch refusal.code {
        case "ConditionalCheckFailedException":
            let found = (try? JSONDocument(refusal.body))?.root.member("Item")
            self = .conditionFailed(found.flatMap { try? item(from: $0) })
        case "TransactionCanceledException":
            do { self = .canceled(try CancellationReason.all(in: refusal.body)) } catch { self = error }
        case "ResourceNotFoundException": self = .tableMissing(reason: refusal.description)
        case "ResourceInUseException": self = .tableExists(reason: refusal.description)
        default: self = .aws(error)
        }
    }

    /// Whether nothing but other work on the same items stood in the way, so that the next time may go well.
    static func isTransient(_ refusal: ServiceError) -> Bool {
        switch refusal.code {
        case "TransactionConflictException": return true
        case "TransactionCanceledException":
            guard let reasons = try? CancellationReason.all(in: refusal.body), !reasons.isEmpty else { return false }
            return reasons.allSatisfy { $0 == .none || $0 == .conflict || $0 == .throttled }
        default: return false
        }
    }
}
