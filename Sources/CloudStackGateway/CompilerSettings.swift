// A misspelt upcoming feature is ignored in silence; these lines make it an error.
#if !hasFeature(ExistentialAny) || !hasFeature(MemberImportVisibility) || !hasFeature(InternalImportsByDefault)
  #error("An upcoming feature that Package.swift asks for is not on.")
#endif
#if !hasFeature(NonisolatedNonsendingByDefault) || !hasFeature(InferIsolatedConformances)
  #error("An upcoming feature that Package.swift asks for is not on.")
#endif
