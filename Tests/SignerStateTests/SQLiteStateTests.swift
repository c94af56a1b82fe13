// SPDX-License-Identifier: Apache-2.0
import Foundation
import SQLite
import SignerState
import TestSupport
import Testing

struct SQLiteStateTests {
    private func refusal(_ path: String) -> String? {
        do throws(StateError) {
            _ = try SQLiteState(path: path)
            return nil
        } catch { return "\(error)" }
    }

    @Test func `the file belongs to its owner and to one process`() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("state.sqlite")
        let store = try SQLiteState(path: path)
        #expect(try folder.mode("state.sqlite") == 0o600)
        #expect(refusal(path)?.contains("another process holds") == true)
        await store.close()
        #expect(refusal(path) == nil)
    }

    @Test func `what is no state is left as it is`() throws {
        let folder = try TemporaryFolder()
        try folder.write(Data("something else".utf8), to: "text")
        #expect(refusal(folder.file("text"))?.contains("not a database") == true)
        #expect(try folder.contents("text") == Data("something else".utf8))
        try FileManager.default.createSymbolicLink(
            atPath: folder.file("link"),
            withDestinationPath: folder.file("elsewhere")
        )
        #expect(refusal(folder.file("link"))?.contains("symbolic link") == true)
        #expect(refusal(folder.file("no/such/folder"))?.contains("no/such") == true)
    }

    @Test(arguments: [
        "UPDATE rows SET version = 9223372036854775807", "UPDATE header SET revision = 9223372036854775807",
    ])
    func `a number that somebody has set to its end is an error, and not the end of the process`(
        _ edit: String
    ) async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("state.sqlite")
        let store = try SQLiteState(path: path)
        try await store.apply([change("one", 0, "a")])
        await store.close()
        do {
            let connection = try Connection(path: path, mode: .readWrite)
            try connection.execute(edit)
        }
        let again = try SQLiteState(path: path)
        let version = try await again.rows(after: 0).rows[0].version
        let error = await #expect(throws: StateError.self) { try await again.apply([change("one", version, "b")]) }
        let text = error.map { "\($0)" } ?? ""
        #expect(text.contains("policy one") && text.contains("highest number") && text.contains("backup"), "\(text)")
        await again.close()
    }

    @Test func `after it was closed it says so`() async throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteState(path: folder.file("state.sqlite"))
        await store.close()
        await #expect(throws: StateError.self) { try await store.rows(after: 0) }
    }
}
