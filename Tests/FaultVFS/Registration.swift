// SPDX-License-Identifier: Apache-2.0
internal import CSQLite
internal import Concurrency
internal import Glibc

/// The C side of a `FaultDisk`: an `sqlite3_vfs` of version 1 and its `sqlite3_io_methods`. No shared memory, so WAL works
/// in exclusive locking mode only; no locks, so a file has one connection.
@safe final class Registration: @unchecked Sendable {
    // Sound: everything is written in `init` and only read afterwards; SQLite guards its own list of layers.
    private let layer: UnsafeMutablePointer<sqlite3_vfs>
    private let name: UnsafeMutablePointer<CChar>

    init(name: String, state: Lock<FaultDisk.State>) {
        unsafe self.name = strdup(name)
        unsafe layer = .allocate(capacity: 1)
        var table = unsafe sqlite3_vfs()
        unsafe table.iVersion = 1
        unsafe table.szOsFile = Int32(MemoryLayout<FileHandle>.size)
        unsafe table.mxPathname = 1024
        unsafe table.zName = UnsafePointer(self.name)
        unsafe table.pAppData = Unmanaged.passRetained(state).toOpaque()
        unsafe table.xOpen = { layer, name, file, flags, outFlags in unsafe openFile(layer, name, file, flags, outFlags)
        }
        unsafe table.xDelete = { layer, name, syncsFolder in unsafe deleteFile(layer, name, syncsFolder != 0) }
        unsafe table.xAccess = { layer, name, _, answer in
            let path = unsafe name.map { unsafe String(cString: $0) } ?? ""
            unsafe answer?.pointee = unsafe stateOf(layer).withLock { $0.directory.live[path] != nil } ? 1 : 0
            return SQLITE_OK
        }
        unsafe table.xFullPathname = { _, name, size, target in
            guard let name = unsafe name, let target = unsafe target else { return SQLITE_MISUSE }
            unsafe strncpy(target, name, Int(size))
            return SQLITE_OK
        }
        unsafe table.xRandomness = { _, count, target in
            for position in 0..<Int(count) { unsafe target?[position] = CChar.random(in: .min ... .max) }
            return count
        }
        unsafe table.xSleep = { _, _ in 0 }
        unsafe table.xCurrentTime = { _, now in
            unsafe now?.pointee = 2_460_000.5
            return SQLITE_OK
        }
        unsafe table.xGetLastError = { layer, _, _ in unsafe stateOf(layer).withLock { $0.lastErrno } }
        unsafe layer.initialize(to: table)
        unsafe sqlite3_vfs_register(layer, 0)
    }

    deinit {
        unsafe sqlite3_vfs_unregister(layer)
        unsafe Unmanaged<Lock<FaultDisk.State>>.fromOpaque(layer.pointee.pAppData).release()
        unsafe layer.deallocate()
        unsafe free(name)
    }
}

/// What SQLite allocates for an open file; it starts with the table of methods.
@safe private struct FileHandle {
    var base: sqlite3_file
    var open: UnsafeMutableRawPointer?
}

/// An open file. Used by the one thread of its connection.
private final class OpenFile {
    let state: Lock<FaultDisk.State>
    let inode: Inode
    let path: String?
    /// SQLite syncs the folder with the first sync of a journal or log that it has made (os_unix.c,
    /// UNIXFILE_DIRSYNC), and does not look at the result.
    var syncsFolder: Bool

    init(_ state: Lock<FaultDisk.State>, _ inode: Inode, path: String?, syncsFolder: Bool) {
        self.state = state
        self.inode = inode
        self.path = path
        self.syncsFolder = syncsFolder
    }
}

private func stateOf(_ layer: UnsafeMutablePointer<sqlite3_vfs>?) -> Lock<FaultDisk.State> {
    guard let context = unsafe layer?.pointee.pAppData else { preconditionFailure("a layer without its disk") }
    return unsafe Unmanaged<Lock<FaultDisk.State>>.fromOpaque(context).takeUnretainedValue()
}

private func openFile(
    _ layer: UnsafeMutablePointer<sqlite3_vfs>?,
    _ name: UnsafePointer<CChar>?,
    _ file: UnsafeMutablePointer<sqlite3_file>?,
    _ flags: Int32,
    _ outFlags: UnsafeMutablePointer<Int32>?
) -> Int32 {
    guard let file = unsafe file else { return SQLITE_MISUSE }
    unsafe file.pointee.pMethods = nil
    let state = unsafe stateOf(layer)
    let path = unsafe name.map { unsafe String(cString: $0) }
    var isNew = false
    let inode = state.withLock { state -> Inode? in
        if state.isDead { return nil }
        guard let path else { return Inode() }
        if let existing = state.directory.live[path] { return existing }
        guard flags & SQLITE_OPEN_CREATE != 0, (try? state.begin(.create)) != nil else { return nil }
        isNew = true
        let inode = Inode()
        state.directory.change(.link(path, inode))
        return inode
    }
    guard let inode else { return SQLITE_CANTOPEN }
    let isJournal = flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL) != 0
    let open = OpenFile(state, inode, path: path, syncsFolder: isNew && isJournal)
    unsafe UnsafeMutableRawPointer(file).assumingMemoryBound(to: FileHandle.self).pointee.open =
        Unmanaged.passRetained(open).toOpaque()
    unsafe file.pointee.pMethods = UnsafePointer(methods)
    unsafe outFlags?.pointee = flags
    return SQLITE_OK
}

private func deleteFile(
    _ layer: UnsafeMutablePointer<sqlite3_vfs>?,
    _ name: UnsafePointer<CChar>?,
    _ syncsFolder: Bool
) -> Int32 {
    let path = unsafe name.map { unsafe String(cString: $0) } ?? ""
    return unsafe stateOf(layer).withLock { state in
        guard state.directory.live[path] != nil else { return SQLITE_IOERR | 23 << 8 }  // SQLITE_IOERR_DELETE_NOENT
        guard (try? state.begin(.remove)) != nil else { return SQLITE_IOERR | 10 << 8 }  // SQLITE_IOERR_DELETE
        state.directory.change(.remove(path))
        guard syncsFolder else { return SQLITE_OK }
        guard (try? state.begin(.folderSync)) != nil else { return SQLITE_IOERR | 5 << 8 }  // SQLITE_IOERR_DIR_FSYNC
        state.directory.sync()
        return SQLITE_OK
    }
}

/// The open file behind SQLite's handle.
private func openFile(_ file: UnsafeMutablePointer<sqlite3_file>?) -> OpenFile {
    let handle = unsafe UnsafeMutableRawPointer(file)?.assumingMemoryBound(to: FileHandle.self)
    guard let context = unsafe handle?.pointee.open else { preconditionFailure("a file that is not open") }
    return unsafe Unmanaged<OpenFile>.fromOpaque(context).takeUnretainedValue()
}

/// The table that all open files share; never freed.
nonisolated(unsafe) private let methods: UnsafeMutablePointer<sqlite3_io_methods> = {
    var table = sqlite3_io_methods()
    table.iVersion = 1
    unsafe table.xClose = { file in
        let handle = unsafe UnsafeMutableRawPointer(file)?.assumingMemoryBound(to: FileHandle.self)
        if let context = unsafe handle?.pointee.open { unsafe Unmanaged<OpenFile>.fromOpaque(context).release() }
        unsafe handle?.pointee.open = nil
        return SQLITE_OK
    }
    unsafe table.xRead = { file, target, count, offset in
        unsafe readFile(openFile(file), target, Int(count), Int(offset))
    }
    unsafe table.xWrite = { file, source, count, offset in
        let bytes = unsafe [UInt8](UnsafeRawBufferPointer(start: source, count: Int(count)))
        let open = unsafe openFile(file)
        return open.state.withLock { state in
            do throws(FaultDisk.Failure) {
                try state.write(bytes, at: Int(offset), to: open.inode)
                return SQLITE_OK
            } catch {
                return error.errno == ENOSPC ? SQLITE_FULL : SQLITE_IOERR | 3 << 8  // SQLITE_IOERR_WRITE
            }
        }
    }
    unsafe table.xTruncate = { file, size in
        let open = unsafe openFile(file)
        return open.state.withLock { state in
            (try? state.truncate(open.inode, to: Int(size))) == nil ? SQLITE_IOERR | 6 << 8 : SQLITE_OK
        }
    }
    unsafe table.xSync = { file, _ in
        let open = unsafe openFile(file)
        return open.state.withLock { state in
            guard (try? state.sync(open.inode)) != nil else { return SQLITE_IOERR | 4 << 8 }  // SQLITE_IOERR_FSYNC
            if open.syncsFolder, (try? state.begin(.folderSync)) != nil { state.directory.sync() }
            open.syncsFolder = false
            return SQLITE_OK
        }
    }
    unsafe table.xFileSize = { file, size in
        let open = unsafe openFile(file)
        unsafe size?.pointee = Int64(open.state.withLock { _ in open.inode.live.count })
        return SQLITE_OK
    }
    unsafe table.xLock = { _, _ in SQLITE_OK }
    unsafe table.xUnlock = { _, _ in SQLITE_OK }
    unsafe table.xCheckReservedLock = { _, answer in
        unsafe answer?.pointee = 0
        return SQLITE_OK
    }
    unsafe table.xFileControl = { file, operation, argument in
        guard operation == SQLITE_FCNTL_HAS_MOVED else { return SQLITE_NOTFOUND }
        let open = unsafe openFile(file)
        let isMoved = open.state.withLock { state in
            open.path.map { state.directory.live[$0] !== open.inode } ?? false
        }
        unsafe argument?.assumingMemoryBound(to: Int32.self).pointee = isMoved ? 1 : 0
        return SQLITE_OK
    }
    unsafe table.xSectorSize = { _ in 4096 }
    // What SQLite assumes of a disk on Linux: a torn write does not touch the bytes beside it.
    unsafe table.xDeviceCharacteristics = { _ in SQLITE_IOCAP_POWERSAFE_OVERWRITE }
    let memory = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
    unsafe memory.initialize(to: table)
    return unsafe memory
}()

private func readFile(_ open: OpenFile, _ target: UnsafeMutableRawPointer?, _ count: Int, _ offset: Int) -> Int32 {
    open.state.withLock { state in
        guard !state.isDead else { return SQLITE_IOERR | 1 << 8 }  // SQLITE_IOERR_READ
        let live = open.inode.live
        let available = max(0, min(count, live.count - offset))
        let buffer = unsafe UnsafeMutableRawBufferPointer(start: target, count: count)
        if available > 0 { unsafe buffer.copyBytes(from: live[offset..<(offset + available)]) }
        if available == count { return SQLITE_OK }
        if let target = unsafe target { unsafe memset(target + available, 0, count - available) }
        return SQLITE_IOERR | 2 << 8  // SQLITE_IOERR_SHORT_READ
    }
}
