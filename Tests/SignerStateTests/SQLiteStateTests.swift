// SPDX-License-Identifier: Apache-2.0
import Foundation
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

    @Test func `after it was closed it says so`() async throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteState(path: folder.file("state.sqlite"))
        await store.close()
        await #expect(throws: StateError.self) { try await store.rows(after: 0) }
    }
}
