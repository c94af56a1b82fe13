// SPDX-License-Identifier: Apache-2.0
package import BLS
package import Consensus
internal import Encoding
internal import JSON

/// Bytes that can be read from any place, such as a file.
package protocol InterchangeSource: Sendable {
    /// Up to `count` bytes from `offset` on; none behind the end.
    func read(at offset: Int, count: Int) throws(StoreError) -> [UInt8]
}

/// An EIP-3076 interchange file, version 5, of any size: reading it once checks all of it and notes where each validator
/// stands; histories are read when somebody asks for them. Held in memory are one element of `data` and a note on each.
///
/// What is not an array of validators, has another version or no readable genesis root is refused whole, and so is what
/// is not JSON at any place. A single element that cannot be read is kept aside in `unreadable`. Elements for the same
/// key stay apart: each may be minimal, with a lowest entry that stands for all below it.
package struct InterchangeFile: Sendable {
    /// An element of `data` that can be read.
    package struct Place: Sendable {
        package let publicKey: PublicKey
        package let blocks: Int
        package let attestations: Int
        fileprivate let range: Range<Int>
        package var entries: Int { blocks + attestations }
    }

    /// Bytes of one value in the file: a validator's history of ten years has less than 150 MB.
    private static let largestValue = 1 << 30
    /// Values and names of one element: seven for an attestation.
    static let mostNodes = 1 << 26
    private static let chunk = 1 << 20

    package let genesisValidatorsRoot: Root
    /// In the order of the file; a key can come more than once.
    package let places: [Place]
    /// Elements that could not be read, by their position in `data`: refused one by one, the others are taken.
    package let unreadable: [UnreadableElement]
    private let source: any InterchangeSource

    /// Reads all of a file once.
    ///
    /// - Parameter onProgress: told how many bytes have been read.
    package init(
        _ source: any InterchangeSource,
        chunk: Int = InterchangeFile.chunk,
        onProgress: (Int) -> Void = { _ in }
    ) throws(StoreError) {
        var walk = InterchangeWalk()
        var pieces = JSONPieces(maximumBytes: Self.largestValue, maximumNodes: Self.mostNodes)
        var offset = 0
        while true {
            let piece: JSONPieces.Piece?
            do throws(JSONError) { piece = try pieces.next(entering: walk.enters) } catch {
                throw .interchange(reason: "not an EIP-3076 interchange file: \(error)")
            }
            if case .ended? = piece { break }
            if let piece {
                try walk.take(piece)
                continue
            }
            let bytes = try source.read(at: offset, count: chunk)
            offset += bytes.count
            pieces.append(bytes)
            onProgress(offset)
        }
        genesisValidatorsRoot = try walk.finish()
        places = walk.places
        unreadable = walk.unreadable
        self.source = source
    }

    /// The histories at some places.
    package func histories(_ numbers: some Collection<Int>) throws(StoreError) -> [ValidatorRecord] {
        var histories: [ValidatorRecord] = []
        histories.reserveCapacity(numbers.count)
        for number in numbers { histories.append(try history(at: places[number])) }
        return histories
    }

    private func history(at place: Place) throws(StoreError) -> ValidatorRecord {
        let bytes = try source.read(at: place.range.lowerBound, count: place.range.count)
        if bytes.count == place.range.count,
            let document = try? JSONDocument(bytes, maximumNodes: Self.mostNodes, refusesDuplicates: false),
            case .success(let history) = InterchangeElement.read(document.root).content,
            history.publicKey == place.publicKey
        {
            return history
        }
        throw .interchange(
            reason:
                "the file was changed while it was read, at byte \(place.range.lowerBound); use a copy that nobody writes"
        )
    }

    /// The places in order, cut into parts of about `entries` blocks and attestations and at most a thousand validators.
    ///
    /// - Parameter togetherByKey: whether all elements for one key come in one part, where the first of them stands.
    package func parts(entries: Int, togetherByKey: Bool = false) -> [[Int]] {
        var parts: [[Int]] = []
        var part: [Int] = []
        var sum = 0
        for group in togetherByKey ? groups : places.indices.map({ [$0] }) {
            let size = group.reduce(0) { $0 + places[$1].entries }
            if !part.isEmpty, sum + size > entries || part.count >= 1_000 {
                parts.append(part)
                (part, sum) = ([], 0)
            }
            part += group
            sum += size
        }
        if !part.isEmpty { parts.append(part) }
        return parts
    }

    /// The elements for each key.
    private var groups: [[Int]] {
        var groups: [[Int]] = []
        var numbers: [PublicKey: Int] = [:]
        for (number, place) in places.enumerated() {
            if let known = numbers[place.publicKey] {
                groups[known].append(number)
            } else {
                numbers[place.publicKey] = groups.count
                groups.append([number])
            }
        }
        return groups
    }

    fileprivate static func place(of history: ValidatorRecord, _ range: Range<Int>) -> Place {
        Place(
            publicKey: history.publicKey,
            blocks: history.blocks.count,
            attestations: history.attestations.count,
            range: range
        )
    }
}

/// What the first reading of a file has met: an object with `metadata` and `data`, in either order, each once.
private struct InterchangeWalk {
    private enum Where { case outside, file, data, over }

    /// A file with more of them is something else, and naming each would take more memory than the file.
    private static let mostUnreadable = 100_000

    private(set) var places: [InterchangeFile.Place] = []
    private(set) var unreadable: [UnreadableElement] = []
    private var root: Root?
    private var hasData = false
    private var place = Where.outside
    private var member = ""
    private var count = 0

    /// Whether the container that may come next is entered.
    var enters: Bool {
        switch place {
        case .outside: true
        case .file: member == "data"
        case .data, .over: false
        }
    }

    mutating func take(_ piece: JSONPieces.Piece) throws(StoreError) {
        switch (place, piece) {
        case (.outside, .opened(isObject: true)): place = .file
        case (.file, .name(let name)): member = name
        case (.file, .opened(isObject: false)):
            guard !hasData else {
                throw .interchange(reason: "not an EIP-3076 interchange file: data stands there twice")
            }
            (place, hasData) = (.data, true)
        case (.file, .value(let document, _)): try take(document.root)
        case (.data, .value(let document, let range)): try take(element: document.root, range)
        case (.data, .closed): (place, member) = (.file, "")
        case (.file, .closed): place = .over
        case (.file, .opened): throw .interchange(reason: "not an EIP-3076 interchange file: .data is not an array")
        default: throw .interchange(reason: "not an EIP-3076 interchange file: it is not an object")
        }
    }

    /// A member that was not entered.
    private mutating func take(_ value: JSONValue) throws(StoreError) {
        switch member {
        case "data": throw .interchange(reason: "not an EIP-3076 interchange file: .data is not an array")
        case "metadata":
            guard root == nil else {
                throw .interchange(reason: "not an EIP-3076 interchange file: metadata stands there twice")
            }
            root = try readMetadata(value)
        default: break
        }
    }

    private func readMetadata(_ value: JSONValue) throws(StoreError) -> Root {
        func text(_ name: String) throws(StoreError) -> JSONText {
            guard let member = value.member(name) else {
                throw .interchange(reason: "not an EIP-3076 interchange file: .metadata.\(name) is missing")
            }
            guard let text = member.string else {
                throw .interchange(reason: "not an EIP-3076 interchange file: .metadata.\(name) is not text")
            }
            return text
        }
        guard try text("interchange_format_version").says(Array(Interchange.version.utf8)) else {
            throw .interchange(
                reason: "interchange_format_version is another than \(Interchange.version), the only one that is known"
            )
        }
        guard let root = try Bytes<32>(hexadecimal: text("genesis_validators_root")) else {
            throw .interchange(reason: "genesis_validators_root is not 32 bytes in hexadecimal")
        }
        return Root(root)
    }

    private mutating func take(element value: JSONValue, _ range: Range<Int>) throws(StoreError) {
        let element = InterchangeElement.read(value)
        switch element.content {
        case .success(let history): places.append(InterchangeFile.place(of: history, range))
        case .failure(let problem):
            guard unreadable.count < Self.mostUnreadable else {
                throw .interchange(
                    reason: "more than \(Self.mostUnreadable) elements of data are no validator's history"
                )
            }
            unreadable.append(
                UnreadableElement(position: count, publicKey: element.publicKey, reason: problem.reason)
            )
        }
        count += 1
    }

    func finish() throws(StoreError) -> Root {
        guard let root else { throw .interchange(reason: "not an EIP-3076 interchange file: .metadata is missing") }
        guard hasData else { throw .interchange(reason: "not an EIP-3076 interchange file: .data is missing") }
        return root
    }
}
