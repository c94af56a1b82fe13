// SPDX-License-Identifier: Apache-2.0

/// One file of a `FaultDisk`: what programs read, what the platter holds, and what lies between.
final class Inode: @unchecked Sendable {
    // Sound: belongs to one disk, and is touched only under that disk's lock.

    /// The unit that reaches the platter whole or not at all.
    static let sectorSize = 512

    enum Change: Sendable {
        case write(offset: Int, bytes: [UInt8])
        case truncate(size: Int)
    }

    /// As programs see it, out of the page cache.
    private(set) var live: [UInt8]
    /// As of the last sync that succeeded.
    private(set) var durable: [UInt8]
    /// What came after it, in order.
    private(set) var pending: [Change] = []

    init(_ contents: [UInt8] = []) {
        live = contents
        durable = contents
    }

    /// The same file, for a disk that goes on by itself.
    func copy() -> Inode {
        let other = Inode()
        other.live = live
        other.durable = durable
        other.pending = pending
        return other
    }

    func write(_ bytes: [UInt8], at offset: Int) {
        let change = Change.write(offset: offset, bytes: bytes)
        Self.apply(change, to: &live)
        pending.append(change)
    }

    func truncate(to size: Int) {
        Self.apply(.truncate(size: size), to: &live)
        pending.append(.truncate(size: size))
    }

    func sync() {
        for change in pending { Self.apply(change, to: &durable) }
        pending.removeAll()
    }

    /// What Linux does after a sync that failed: the pages count as clean, whether they reached the platter or not. A
    /// later sync writes none of them again and succeeds.
    func failSync(_ random: inout some RandomNumberGenerator) {
        durable = survivor(&random)
        pending.removeAll()
    }

    /// What the platter may hold when the power goes: of the changes since the last sync none, the first ones, or any of
    /// their sectors, in any order.
    func survivor(_ random: inout some RandomNumberGenerator) -> [UInt8] {
        var contents = durable
        switch Int.random(in: 0..<5, using: &random) {
        case 0: break
        case 1:
            for change in pending.prefix(Int.random(in: 0...pending.count, using: &random)) {
                Self.apply(change, to: &contents)
            }
        case 2:
            for change in pending { Self.apply(change, to: &contents) }
        default:
            let share = [1, 5, 9][Int.random(in: 0..<3, using: &random)]
            var pieces = pending.flatMap(Self.sectors)
            if Bool.random(using: &random) { pieces.shuffle(using: &random) }
            for piece in pieces where Int.random(in: 0..<10, using: &random) < share {
                Self.apply(piece, to: &contents)
            }
        }
        return contents
    }

    /// A write cut at the borders of sectors.
    private static func sectors(_ change: Change) -> [Change] {
        guard case .write(var offset, let bytes) = change else { return [change] }
        var pieces: [Change] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = min(rest.count, sectorSize - offset % sectorSize)
            pieces.append(.write(offset: offset, bytes: Array(rest.prefix(count))))
            rest = rest.dropFirst(count)
            offset += count
        }
        return pieces
    }

    private static func apply(_ change: Change, to contents: inout [UInt8]) {
        switch change {
        case .write(let offset, let bytes):
            let end = offset + bytes.count
            if contents.count < end { contents += [UInt8](repeating: 0, count: end - contents.count) }
            unsafe contents.withUnsafeMutableBytes { target in
                unsafe UnsafeMutableRawBufferPointer(rebasing: target[offset..<end]).copyBytes(from: bytes)
            }
        case .truncate(let size):
            if contents.count > size { contents.removeLast(contents.count - size) }
            if contents.count < size { contents += [UInt8](repeating: 0, count: size - contents.count) }
        }
    }
}

/// The names of a `FaultDisk`, as programs see them and as they are durable.
struct Directory: Sendable {
    enum Change: Sendable {
        case link(String, Inode)
        case remove(String)
        case move(String, String)
    }

    private(set) var live: [String: Inode] = [:]
    private var durable: [String: Inode] = [:]
    private var pending: [Change] = []

    init(_ files: [String: [UInt8]] = [:]) {
        live = files.mapValues { Inode($0) }
        durable = live
    }

    /// The same names and files, for a disk that goes on by itself.
    func copy() -> Directory {
        var copies: [ObjectIdentifier: Inode] = [:]
        func copy(_ inode: Inode) -> Inode {
            let known = copies[ObjectIdentifier(inode)] ?? inode.copy()
            copies[ObjectIdentifier(inode)] = known
            return known
        }
        var other = Directory()
        other.live = live.mapValues(copy)
        other.durable = durable.mapValues(copy)
        other.pending = pending.map { change in
            if case .link(let name, let inode) = change { .link(name, copy(inode)) } else { change }
        }
        return other
    }

    mutating func change(_ change: Change) {
        Self.apply(change, to: &live)
        pending.append(change)
    }

    mutating func sync() {
        for change in pending { Self.apply(change, to: &durable) }
        pending.removeAll()
    }

    /// The files that may be there when the power comes back. Names changed since the last sync of the folder are there
    /// in part: the first ones, as a journal keeps them, or any.
    func survivors(_ random: inout some RandomNumberGenerator) -> [String: [UInt8]] {
        var names = durable
        let kept =
            Bool.random(using: &random)
            ? Array(pending.prefix(Int.random(in: 0...pending.count, using: &random)))
            : pending.filter { _ in Bool.random(using: &random) }
        for change in kept { Self.apply(change, to: &names) }
        var files: [String: [UInt8]] = [:]
        for (name, inode) in names.sorted(by: { $0.key < $1.key }) { files[name] = inode.survivor(&random) }
        return files
    }

    private static func apply(_ change: Change, to names: inout [String: Inode]) {
        switch change {
        case .link(let name, let inode): names[name] = inode
        case .remove(let name): names[name] = nil
        case .move(let from, let target):
            if let inode = names.removeValue(forKey: from) { names[target] = inode }
        }
    }
}
