// SPDX-License-Identifier: Apache-2.0
import PostgreSQL
import Testing

@Suite(.timeLimit(.minutes(5))) struct ParameterTests {
    @Test func `single values come back as they were sent`() async throws {
        try await connected(freshDatabase()) { connection in
            for value in [true, false] {
                #expect(try connection.ask("SELECT $1", [.bool(value)]).bool(0, 0) == value)
            }
            for value in [Int16.min, -1, 0, 1, .max] {
                #expect(try connection.ask("SELECT $1", [.int16(value)]).int16(0, 0) == value)
            }
            for value in [Int32.min, -1, 0, 1, .max] {
                #expect(try connection.ask("SELECT $1", [.int32(value)]).int32(0, 0) == value)
            }
            for value in [Int64.min, -1, 0, 1, .max] {
                #expect(try connection.ask("SELECT $1", [.int64(value)]).int64(0, 0) == value)
            }
            for value in [[], [0], [1, 2, 3], [UInt8](0...255)] as [[UInt8]] {
                #expect(try connection.ask("SELECT $1", [.bytes(value)]).bytes(0, 0) == value)
            }
            for value in ["", "a", "'\"\\%$1;--", "größer 🔑"] {
                #expect(try connection.ask("SELECT $1", [.text(value)]).text(0, 0) == value)
            }
            for type in ["text", "bytea", "int8", "int8[]"] {
                let table = try connection.ask("SELECT $1::\(type), $1::\(type) IS NULL", [.null])
                #expect(table.isNull(0, 0) && table.bool(0, 1) == true)
            }
            let empty = try connection.ask("SELECT $1::bytea IS NULL, $2::text IS NULL", [.bytes([]), .text("")])
            #expect(empty.bool(0, 0) == false && empty.bool(0, 1) == false)
        }
    }

    @Test func `text with a NUL character is refused by the server`() async throws {
        try await connected(freshDatabase()) { connection in
            do throws(PostgreSQLError) {
                _ = try connection.ask("SELECT $1", [.text("a\0b")])
                Issue.record("it was taken")
            } catch { #expect(error.sqlState == "22021") }
            expectUsable(connection)
        }
    }

    /// What `unnest` makes of the array that was sent, as the server shows it.
    private static let arrays: [(parameter: PostgreSQLParameter, type: String, shown: String)] = [
        (.int16s([]), "int2[]", "{}"),
        (.int16s([.min, 0, .max]), "int2[]", "{-32768,0,32767}"),
        (.int32s([]), "int4[]", "{}"),
        (.int32s([.min, 0, .max]), "int4[]", "{-2147483648,0,2147483647}"),
        (.int64s([]), "int8[]", "{}"),
        (.int64s([nil]), "int8[]", "{NULL}"),
        (.int64s([.min, nil, .max]), "int8[]", "{-9223372036854775808,NULL,9223372036854775807}"),
        (.byteStrings([]), "bytea[]", "{}"),
        (.byteStrings([[], nil, [0, 255]]), "bytea[]", #"{"\\x",NULL,"\\x00ff"}"#),
        (.bools([]), "bool[]", "{}"),
        (.bools([true, false]), "bool[]", "{t,f}"),
    ]

    @Test func `arrays arrive element by element`() async throws {
        try await connected(freshDatabase()) { connection in
            for (parameter, type, shown) in Self.arrays {
                let table = try connection.ask(
                    "SELECT $1::text, pg_typeof($1)::text, $1 = $2::text::\(type)",
                    [
                        parameter, .text(shown),
                    ]
                )
                #expect(table.text(0, 0) == shown)
                let name = try #require(table.text(0, 1))
                #expect(
                    ["smallint[]": "int2[]", "integer[]": "int4[]", "bigint[]": "int8[]", "boolean[]": "bool[]"][name]
                        ?? name
                        == type
                )
                #expect(table.bool(0, 2) == true)
            }
        }
    }

    @Test func `an array of 512 byte strings is unnested in its order`() async throws {
        try await connected(freshDatabase()) { connection in
            let keys = (0..<512).map { index in [UInt8](repeating: UInt8(index & 0xff), count: 48 + index % 3) }
            let slots = (0..<512).map { $0 % 7 == 0 ? nil : Int64($0) }
            let table = try connection.ask(
                "SELECT k, s FROM unnest($1, $2) WITH ORDINALITY AS u(k, s, n) ORDER BY n",
                [.byteStrings(keys), .int64s(slots)]
            )
            #expect(table.rowCount == 512)
            for row in 0..<512 { #expect(table.bytes(row, 0) == keys[row] && table.int64(row, 1) == slots[row]) }
        }
    }

    @Test(arguments: ["0", "1", "9999", "10000", "9223372036854775807", "9223372036854775808", "18446744073709551615"])
    func `a numeric of the server is read`(text: String) async throws {
        let url = try await freshDatabase()
        try await connected(url) { connection in
            let query = "SELECT $1::text::numeric(20), ($1::text || '.000')::numeric"
            let table = try connection.ask(query, [.text(text)])
            #expect(try table.unsigned(0, 0) == UInt64(text))
            #expect(try table.unsigned(0, 1) == UInt64(text))
        }
    }

    @Test func `a numeric that is no unsigned integer is an error that names the column`() async throws {
        try await connected(freshDatabase()) { connection in
            #expect(try connection.ask("SELECT NULL::numeric").unsigned(0, 0) == nil)
            for text in ["-1", "0.5", "18446744073709551616", "1e30", "NaN", "Infinity", "-Infinity"] {
                let table = try connection.ask("SELECT $1::text::numeric AS slot", [.text(text)])
                do throws(PostgreSQLError) {
                    let value = try table.unsigned(0, 0)
                    Issue.record("\(text) was read as \(String(describing: value))")
                } catch {
                    #expect(error.sqlState == "22003")
                    #expect("\(error)".contains("column slot"))
                }
            }
        }
    }

    @Test func `a column of another type is a mistake that stops the program`() async {
        await #expect(processExitsWith: .failure) {
            try await connected(freshDatabase()) { connection in
                _ = try connection.ask("SELECT 1::int4").int64(0, 0)
            }
        }
    }
}
