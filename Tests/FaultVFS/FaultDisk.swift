// SPDX-License-Identifier: Apache-2.0
internal import CSQLite
internal import Concurrency
internal import Glibc
package import TestSupport

/// A disk in memory under SQLite (`sqlite3_vfs_register`, under a name of its own) and under the few file operations that
/// a program makes besides, which fails and loses power where a test says.
///
/// It behaves as Linux does: what is written is read back at once but durable only after a sync of the file, and a name
/// only after a sync of its folder; a sync that failed never tells again. There is one folder.
@safe package final class FaultDisk: @unchecked Sendable {
    // Sound: `state` is a lock around everything that changes; `registration` is written once, in `init`.

    /// What can fail. `folderSync` is also what SQLite does after making a log or a journal, without telling of a failure.
    package enum Operation: Sendable, CaseIterable { case write, sync, truncate, create, remove, move, folderSync }

    package enum Fault: Sendable, CaseIterable {
        case inputOutput, noSpace
        var errno: Int32 { self == .inputOutput ? EIO : ENOSPC }
    }

    /// A system call that did not succeed.
    package struct Failure: Error { package let errno: Int32 }

    struct Plan {
        let operation: Operation
        let fault: Fault
        /// Counted from 1 since the plan was made; this one fails.
        let position: Int
        /// Whether all later ones fail too.
        let lasts: Bool
        var seen = 0
    }

    struct State {
        var directory: Directory
        var random: SeededGenerator
        var plans: [Plan] = []
        /// Operations since the start that changed, or would have changed, anything.
        var operations = 0
        /// The operation before which the power goes.
        var cut: Int?
        var lastErrno: Int32 = 0
        var failures = 0
        var isDead: Bool { cut.map { operations >= $0 } ?? false }
    }

    let state: Lock<State>
    /// The name under which SQLite knows the disk.
    package let name: String
    private let registration: Registration

    /// A disk that holds `files`, all of them durable.
    package convenience init(files: [String: [UInt8]] = [:], random: SeededGenerator) {
        self.init(Directory(files), random)
    }

    private init(_ directory: Directory, _ random: SeededGenerator) {
        let state = Lock(State(directory: directory, random: random))
        self.state = state
        name = "fault-\(Self.count.withLock { $0 += 1; return $0 })"
        registration = Registration(name: name, state: state)
    }

    private static let count = Lock(0)

    // MARK: Faults

    /// The `position`-th `operation` from now on fails, and where `lasts` is true every later one as well, until `heal`.
    /// Several such plans can stand at once.
    package func fail(_ operation: Operation, at position: Int, with fault: Fault, lasting lasts: Bool) {
        state.withLock { state in
            state.plans.append(Plan(operation: operation, fault: fault, position: position, lasts: lasts))
        }
    }

    package func heal() { state.withLock { $0.plans = [] } }

    /// How many operations the plans have made fail since the start.
    package var failures: Int { state.withLock { $0.failures } }

    // MARK: Power

    /// How many operations there were.
    package var operations: Int { state.withLock { $0.operations } }

    /// Lets the power go before an operation, counted from the start of the disk. Nothing succeeds after that.
    package func cutPower(before operation: Int) { state.withLock { $0.cut = operation } }

    package var isDead: Bool { state.withLock { $0.isDead } }

    /// The files when the power comes back: one of many possibilities.
    package func survivors() -> [String: [UInt8]] {
        state.withLock { state in state.directory.survivors(&state.random) }
    }

    /// The disk as another process finds it when this one was killed but the power stayed: everything is read back as it
    /// was written, and what a failed sync has dropped still looks as if it were there.
    package func afterKill(random: SeededGenerator) -> FaultDisk {
        state.withLock { FaultDisk($0.directory.copy(), random) }
    }

    /// The names of the files as programs see them, sorted.
    package var names: [String] { state.withLock { $0.directory.live.keys.sorted() } }

    // MARK: What a program does besides SQLite

    package func exists(_ path: String) -> Bool { state.withLock { $0.directory.live[path] != nil } }

    package func create(_ path: String) throws(Failure) {
        try state.withLock { state throws(Failure) in
            guard state.directory.live[path] == nil else { throw Failure(errno: EEXIST) }
            try state.begin(.create)
            state.directory.change(.link(path, Inode()))
        }
    }

    package func move(_ from: String, to target: String) throws(Failure) {
        try state.withLock { state throws(Failure) in
            guard state.directory.live[from] != nil else { throw Failure(errno: ENOENT) }
            try state.begin(.move)
            state.directory.change(.move(from, target))
        }
    }

    package func remove(_ path: String) throws(Failure) {
        try state.withLock { state throws(Failure) in
            guard state.directory.live[path] != nil else { return }
            try state.begin(.remove)
            state.directory.change(.remove(path))
        }
    }

    package func syncFolder() throws(Failure) {
        try state.withLock { state throws(Failure) in
            try state.begin(.folderSync)
            state.directory.sync()
        }
    }
}

extension FaultDisk.State {
    /// Counts an operation; throws where it is to fail.
    mutating func begin(_ operation: FaultDisk.Operation) throws(FaultDisk.Failure) {
        if isDead { throw failed(EIO) }
        operations += 1
        if isDead { throw failed(EIO) }
        var fault: FaultDisk.Fault?
        for number in plans.indices where plans[number].operation == operation {
            plans[number].seen += 1
            let seen = plans[number].seen
            let position = plans[number].position
            if seen == position || plans[number].lasts && seen > position { fault = plans[number].fault }
        }
        if let fault {
            failures += 1
            throw failed(fault.errno)
        }
    }

    private mutating func failed(_ errno: Int32) -> FaultDisk.Failure {
        lastErrno = errno
        return FaultDisk.Failure(errno: errno)
    }

    // MARK: What SQLite does to an open file

    mutating func write(_ bytes: [UInt8], at offset: Int, to inode: Inode) throws(FaultDisk.Failure) {
        do throws(FaultDisk.Failure) {
            try begin(.write)
        } catch {
            // A write that fails may have written its beginning.
            if !isDead { inode.write(Array(bytes.prefix(bytes.count / 2)), at: offset) }
            throw error
        }
        inode.write(bytes, at: offset)
    }

    mutating func truncate(_ inode: Inode, to size: Int) throws(FaultDisk.Failure) {
        try begin(.truncate)
        inode.truncate(to: size)
    }

    mutating func sync(_ inode: Inode) throws(FaultDisk.Failure) {
        do throws(FaultDisk.Failure) {
            try begin(.sync)
        } catch {
            if !isDead { inode.failSync(&random) }
            throw error
        }
        inode.sync()
    }
}
