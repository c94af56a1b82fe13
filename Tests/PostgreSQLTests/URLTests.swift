// SPDX-License-Identifier: Apache-2.0
import PostgreSQL
import Testing

@Suite struct URLTests {
    static let good: [(url: String, description: String)] = [
        ("postgresql://u@h/d", "h:5432/d"),
        ("postgres://u:p@h:1234/d", "h:1234/d"),
        ("PostgreSQL://u:p@h/d", "h:5432/d"),
        ("postgresql://u:p%40%2F%3A@h:1/d%20e", "h:1/d e"),
        ("postgresql://u@a,b:2,[::1]:3,[fe80::1]/d", "a:5432,b:2,[::1]:3,[fe80::1]:5432/d"),
        ("postgresql://u@%2Frun%2Fpg:5433/d", "/run/pg/.s.PGSQL.5433/d"),
        ("postgresql://u@/d?host=/run/pg", "/run/pg/.s.PGSQL.5432/d"),
        ("postgresql://u@/d?host=a,b&port=1,2", "a:1,b:2/d"),
        ("postgresql://u@/d?host=a,b&port=7", "a:7,b:7/d"),
        ("postgresql:///?host=a&user=u&dbname=d", "a:5432/d"),
        ("postgresql://u@h", "h:5432/u"),
        ("jdbc:postgresql://h:5433/d?user=u&password=p", "h:5433/d"),
        ("jdbc:postgresql://a,b:2/d?user=u&targetServerType=primary&loginTimeout=3", "a:5432,b:2/d"),
        ("jdbc:postgresql://h/d?user=u&ssl=true&sslrootcert=/ca&currentSchema=x,y&socketTimeout=300", "h:5432/d"),
        ("postgresql://u@h/d?sslmode=verify-ca&sslcert=/c&sslkey=/k&sslpassword=x&channel_binding=require", "h:5432/d"),
        ("postgresql://u@h/d?connect_timeout=0&application_name=a&target_session_attrs=read-write", "h:5432/d"),
    ]

    @Test(arguments: good)
    func `a URL is understood`(url: String, description: String) throws {
        #expect(try "\(PostgreSQLSettings(url: url, applicationName: "t"))" == description)
    }

    static let bad: [(url: String, words: String)] = [
        ("", "begins with none of"),
        ("mysql://u@h/d", "begins with none of"),
        ("jdbc:mysql://u@h/d", "begins with none of"),
        ("postgresql:/u@h/d", "begins with none of"),
        ("postgresql://u@/d", "no host"),
        ("postgresql://h/d", "no user"),
        ("postgresql://:secret@h/d", "no user"),
        ("postgresql://u:secret@h:0/d", "a port is not a number"),
        ("postgresql://u:secret@h:65536/d", "a port is not a number"),
        ("postgresql://u:secret@h:+5/d", "a port is not a number"),
        ("postgresql://u:secret@h:/d", "a port is not a number"),
        ("postgresql://u:secret@a,,b/d", "a host is empty"),
        ("postgresql://u:secret@::1/d", "more than one colon"),
        ("postgresql://u:secret@[::1/d", "does not end with ]"),
        ("postgresql://u:secret@[::1]x/d", "behind the ]"),
        ("postgresql://u:secret@h/d/e", "the database's name holds a /"),
        // Bare separators in the password.
        ("postgresql://u:sec@ret@h/d", "more than one @"),
        ("postgresql://u:sec/ret@h/d", "%2F"),
        ("postgresql://u:sec?ret@h/d", "%3F"),
        ("postgresql://u:secret%@h/d", "two hexadecimal digits"),
        ("postgresql://u:secret%zz@h/d", "two hexadecimal digits"),
        ("postgresql://u:secret%ff@h/d", "UTF-8"),
        ("postgresql://u:secret%00@h/d", "control characters"),
        ("postgresql://u@h/d?sslmod=disable", "sslmod is not known"),
        // libpq takes a list of revocations that it cannot read for none.
        ("postgresql://u@h/d?sslcrl=/x", "sslcrl is not known"),
        ("postgresql://u@h/d?service=x", "service is not known"),
        ("jdbc:postgresql://h/d?user=u&sslfactory=org.postgresql.ssl.NonValidatingFactory", "sslfactory is not known"),
        ("postgresql://u@h/d?sslmode=no", "sslmode is none of"),
        ("jdbc:postgresql://h/d?user=u&ssl=maybe", "neither true nor false"),
        ("postgresql://u@h/d?target_session_attrs=any", "only the primary"),
        ("postgresql://u@h/d?connect_timeout=soon", "not a number of seconds"),
        ("postgresql://u@h/d?user=v", "user is given twice"),
        ("postgresql://u@h/d?password=secret&password=secret", "password is given twice"),
        ("jdbc:postgresql://h/d?user=u&loginTimeout=1&connectTimeout=2", "connectTimeout is given twice"),
        ("postgresql://u@h/d?host=i", "not in both"),
        ("postgresql://u@/d?host=a,b,c&port=1,2", "as many entries"),
        ("postgresql://u@/d?host=a,,c", "as many entries"),
    ]

    @Test(arguments: bad)
    func `a URL is refused, in words that hold no password`(url: String, words: String) {
        do throws(PostgreSQLError) {
            let settings = try PostgreSQLSettings(url: url, applicationName: "t")
            Issue.record("taken as \(settings)")
        } catch {
            #expect("\(error)".contains(words), "\(error)")
            #expect(!"\(error)".contains("secret") && !"\(error)".contains("ret@"), "\(error)")
        }
    }

    @Test func `nothing shows the password`() throws {
        let settings = try PostgreSQLSettings(url: "postgresql://u:secret@h/d", applicationName: "t")
        for text in ["\(settings)", String(reflecting: settings), "\([settings])", "\(Optional(settings) as Any)"] {
            #expect(!text.contains("secret"), "\(text)")
        }
        var dumped = ""
        dump(settings, to: &dumped)
        #expect(!dumped.contains("secret"), "\(dumped)")
    }

    @Test func `user and password can stand outside, but not in two places`() throws {
        let settings = try PostgreSQLSettings(
            url: "jdbc:postgresql://h/d",
            user: "u",
            password: "p",
            applicationName: "t"
        )
        #expect("\(settings)" == "h:5432/d")
        #expect(throws: PostgreSQLError.settings(reason: "user is given twice")) {
            try PostgreSQLSettings(url: "postgresql://u@h/d", user: "u", applicationName: "t")
        }
    }

    @Test func `times are read`() throws {
        func settings(_ query: String) throws -> PostgreSQLSettings {
            try PostgreSQLSettings(url: "jdbc:postgresql://h/d?user=u" + query, applicationName: "t")
        }
        #expect(try settings("").connectTimeout == .seconds(5))
        #expect(try settings("&loginTimeout=7").connectTimeout == .seconds(7))
        #expect(try settings("&socketTimeout=300").socketTimeout == .seconds(300))
        #expect(try settings("&socketTimeout=0").socketTimeout == nil)
    }

    @Test func `the ports and files that a connection needs are told`() throws {
        let settings = try PostgreSQLSettings(
            url: "postgresql://u@/d?host=a,/run/pg,c&port=1,2,3&sslrootcert=/x/ca.crt&sslcert=/y/c.crt&sslkey=/z/c.key",
            applicationName: "test"
        )
        #expect(settings.ports == [1, 3])
        #expect(settings.files == ["/x/ca.crt", "/y/c.crt", "/z/c.key"])
    }
}
