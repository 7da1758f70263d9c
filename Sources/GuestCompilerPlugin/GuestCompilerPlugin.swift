import PackagePlugin

import class Foundation.FileManager
import struct Foundation.URL

/// Has `guest-compiler` make the images of guests of other architectures, with clang and ld.lld as they come with Swift.
@main
struct GuestCompilerPlugin: BuildToolPlugin {
  func createBuildCommands(context: PluginContext, target: Target) async throws -> [Command] {
    let compiler = try context.tool(named: "guest-compiler").url
    let (clang, linker) = (try context.tool(named: "clang").url, try context.tool(named: "ld.lld").url)
    let sources = context.package.directoryURL.appending(path: "Sources")
    // The virtio guests are those of x86, which their own target compiles.
    let directories = [
      sources.appending(path: "ForeignGuests/Kit"), sources.appending(path: "CVirtioGuests"),
    ]
    let inputs = try directories.flatMap { directory in
      try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
        .filter { ["c", "h", "ld"].contains($0.pathExtension) }.sorted { $0.path < $1.path }
    }
    let output = context.pluginWorkDirectoryURL.appending(path: "CompiledImages.swift")
    return [
      .buildCommand(
        displayName: "Compiling guests of other architectures", executable: compiler,
        arguments: [clang.path, linker.path, directories[0].path, directories[1].path, output.path],
        inputFiles: inputs + [clang, linker], outputFiles: [output])
    ]
  }
}
