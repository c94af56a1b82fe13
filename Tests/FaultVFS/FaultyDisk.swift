// SPDX-License-Identifier: Apache-2.0
package import SQLite

/// A `FaultDisk` as a store wants to see it.
package struct FaultyDisk: DatabaseDisk {
    package let disk: FaultDisk

    package init(disk: FaultDisk) { self.disk = disk }

    package var vfs: String? { disk.name }
    package func exists(_ path: String) -> Bool { disk.exists(path) }
    package func create(_ path: String) throws(DiskFailure) {
        try translated { () throws(FaultDisk.Failure) in try disk.create(path) }
    }
    package func move(_ from: String, to target: String) throws(DiskFailure) {
        try translated { () throws(FaultDisk.Failure) in try disk.move(from, to: target) }
    }
    package func remove(_ path: String) throws(DiskFailure) {
        try translated { () throws(FaultDisk.Failure) in try disk.remove(path) }
    }
    package func syncFolder(of path: String) throws(DiskFailure) {
        try translated { () throws(FaultDisk.Failure) in try disk.syncFolder() }
    }

    private func translated(_ body: () throws(FaultDisk.Failure) -> Void) throws(DiskFailure) {
        do throws(FaultDisk.Failure) { try body() } catch { throw DiskFailure("error \(error.errno)") }
    }
}
