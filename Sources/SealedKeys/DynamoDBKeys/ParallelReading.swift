// SPDX-License-Identifier: Apache-2.0
internal import DynamoDB

/// Does the same with each of some things, a few at a time; the results in their order. After a failure nothing more is
/// begun.
func inParallel<Input: Sendable, Output: Sendable>(
    _ inputs: [Input],
    atOnce: Int,
    _ body: @escaping @Sendable (Input) async throws(SealedKeyError) -> Output
) async throws(SealedKeyError) -> [Output] {
    let results = await withTaskGroup(of: (Int, Result<Output, SealedKeyError>).self) { group in
        var results = [Result<Output, SealedKeyError>?](repeating: nil, count: inputs.count)
        for (place, input) in inputs.enumerated() {
            if place >= atOnce, let (done, result) = await group.next() {
                results[done] = result
                if case .failure = result { break }
            }
            group.addTask {
                do throws(SealedKeyError) { return (place, .success(try await body(input))) } catch {
                    return (place, .failure(error))
                }
            }
        }
        for await (done, result) in group { results[done] = result }
        return results
    }
    for case .failure(let error)? in results { throw error }
    var outputs: [Output] = []
    for case let result? in results { outputs.append(try result.get()) }
    return outputs
}

/// Reads series of pages, a few at a time, and hands over each page as it comes, one after the other; no more of them once
/// `take` says false.
///
/// - Parameter read: the page of a series that begins at a place, the one that the page before named; nil for the first.
func readPages<Series: Sendable>(
    of all: [Series],
    atOnce: Int,
    _ read: @escaping @Sendable (Series, Item?) async throws(SealedKeyError) -> Page,
    _ take: ([Item]) async -> Bool
) async throws(SealedKeyError) {
    let failure = await withTaskGroup(of: (Int, Result<Page, SealedKeyError>).self) { group -> SealedKeyError? in
        func begin(_ place: Int, from start: Item?) {
            group.addTask {
                do throws(SealedKeyError) { return (place, .success(try await read(all[place], start))) } catch {
                    return (place, .failure(error))
                }
            }
        }
        var waiting = all.indices.dropFirst(atOnce)
        for place in all.indices.prefix(atOnce) { begin(place, from: nil) }
        while let (place, result) = await group.next() {
            switch result {
            case .failure(let error):
                group.cancelAll()
                return error
            case .success(let page):
                // The next read goes out before this page is worked on.
                if Task.isCancelled { return .unavailable(reason: "the reading was called off") }
                if let next = page.next {
                    begin(place, from: next)
                } else if let first = waiting.popFirst() {
                    begin(first, from: nil)
                }
                guard await take(page.items) else {
                    group.cancelAll()
                    return nil
                }
            }
        }
        return nil
    }
    if let failure { throw failure }
}
