// SPDX-License-Identifier: Apache-2.0
internal import CPostgreSQL

/// One command with its parameters, `$1` and following.
package struct PostgreSQLStatement: Sendable {
    let sql: String
    let parameters: [PostgreSQLParameter]

    /// - Precondition: `sql` holds no NUL character, and there are at most 65535 parameters.
    package init(_ sql: String, _ parameters: [PostgreSQLParameter] = []) {
        precondition(!sql.utf8.contains(0), "SQL with a NUL character")
        precondition(parameters.count <= Int(UInt16.max), "more parameters than the protocol can count")
        self.sql = sql
        self.parameters = parameters
    }
}

/// A value for a statement. Sent in binary and with its type, so that the server guesses nothing.
package enum PostgreSQLParameter: Sendable {
    /// NULL of whatever type the statement asks for.
    case null
    case bool(Bool)
    case int16(Int16)
    case int32(Int32)
    case int64(Int64)
    case bytes([UInt8])
    case text(String)
    case int16s([Int16])
    case int32s([Int32])
    case int64s([Int64?])
    case byteStrings([[UInt8]?])
    case bools([Bool])
}

/// The parameters of one statement as libpq takes them: all bytes in one buffer.
struct EncodedParameters {
    private(set) var types: [Oid] = []
    /// Where each lies in `bytes`; nil for NULL.
    private(set) var ranges: [Range<Int>?] = []
    private(set) var bytes: [UInt8] = []

    init(_ parameters: [PostgreSQLParameter]) {
        types.reserveCapacity(parameters.count)
        ranges.reserveCapacity(parameters.count)
        bytes.reserveCapacity(parameters.reduce(1) { $0 + $1.sizeEstimate })
        for parameter in parameters {
            let start = bytes.count
            types.append(parameter.type)
            let isPresent = append(parameter)
            ranges.append(isPresent ? start..<bytes.count : nil)
        }
        // An empty buffer has no address, and a value without an address would be NULL.
        bytes.append(0)
    }

    /// Appends the value; false for NULL.
    private mutating func append(_ parameter: PostgreSQLParameter) -> Bool {
        switch parameter {
        case .null: return false
        case .bool(let value): bytes.append(value ? 1 : 0)
        case .int16(let value): append(value)
        case .int32(let value): append(value)
        case .int64(let value): append(value)
        case .bytes(let value): bytes.append(contentsOf: value)
        case .text(let value): bytes.append(contentsOf: value.utf8)
        case .int16s(let values): appendIntegers(values, of: .int2)
        case .int32s(let values): appendIntegers(values, of: .int4)
        case .bools(let values):
            appendHeader(count: values.count, of: .bool, hasNull: false)
            for value in values {
                append(Int32(1))
                bytes.append(value ? 1 : 0)
            }
        case .int64s(let values):
            appendHeader(count: values.count, of: .int8, hasNull: values.contains(nil))
            for value in values {
                guard let value else {
                    append(Int32(-1))
                    continue
                }
                append(Int32(8))
                append(value)
            }
        case .byteStrings(let values):
            appendHeader(count: values.count, of: .bytea, hasNull: values.contains(nil))
            for value in values {
                append(value.map { Int32($0.count) } ?? -1)
                if let value { bytes.append(contentsOf: value) }
            }
        }
        return true
    }

    private mutating func appendIntegers(_ values: [some FixedWidthInteger], of type: TypeIdentifier) {
        appendHeader(count: values.count, of: type, hasNull: false)
        for value in values {
            append(Int32(value.bitWidth / 8))
            append(value)
        }
    }

    /// The head of an array of one dimension that begins at 1; without elements it has no dimension.
    private mutating func appendHeader(count: Int, of type: TypeIdentifier, hasNull: Bool) {
        append(Int32(count == 0 ? 0 : 1))
        append(Int32(hasNull ? 1 : 0))
        append(type.rawValue)
        guard count > 0 else { return }
        append(Int32(count))
        append(Int32(1))
    }

    private mutating func append(_ value: some FixedWidthInteger) {
        unsafe withUnsafeBytes(of: value.bigEndian) { unsafe bytes.append(contentsOf: $0) }
    }
}

extension PostgreSQLParameter {
    fileprivate var type: Oid {
        let identifier: TypeIdentifier? =
            switch self {
            case .null: nil
            case .bool: .bool
            case .int16: .int2
            case .int32: .int4
            case .int64: .int8
            case .bytes: .bytea
            case .text: .text
            case .int16s: .int2Array
            case .int32s: .int4Array
            case .int64s: .int8Array
            case .byteStrings: .byteaArray
            case .bools: .boolArray
            }
        return identifier?.rawValue ?? 0
    }

    /// Not too small for what is long.
    fileprivate var sizeEstimate: Int {
        switch self {
        case .null, .bool, .int16, .int32, .int64: 8
        case .bytes(let value): value.count
        case .text(let value): value.utf8.count
        case .int16s(let values): 20 + 6 * values.count
        case .int32s(let values): 20 + 8 * values.count
        case .int64s(let values): 20 + 12 * values.count
        case .byteStrings(let values): values.reduce(20) { $0 + 4 + ($1?.count ?? 0) }
        case .bools(let values): 20 + 5 * values.count
        }
    }
}

/// Numbers of types in `pg_type.dat`; the same on every server.
enum TypeIdentifier: Oid {
    case bool = 16
    case bytea = 17
    case name = 19
    case int8 = 20
    case int2 = 21
    case int4 = 23
    case text = 25
    case unknown = 705
    case boolArray = 1000
    case byteaArray = 1001
    case int2Array = 1005
    case int4Array = 1007
    case int8Array = 1016
    case bpchar = 1042
    case varchar = 1043
    case numeric = 1700
}
