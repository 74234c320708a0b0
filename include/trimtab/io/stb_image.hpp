#pragma once
#pragma GCC system_header
/// \file
/// stb_image, compiled into this translation unit with internal linkage: any number of units may include it and nothing is to be
/// linked. Only JPEG and PNG from memory. A unit that holds an stb_image implementation of its own should not include this.

#include <cstdlib>

// A few bytes of a hostile file can claim, or inflate to, gigabytes; a refused allocation is an ordinary decoding failure.
// 512 MiB is max_image_pixels of four channels of 16 bits.
#define TRIMTAB_STB_LIMIT (std::size_t{1} << 29)
#define STBI_MALLOC(size) (std::size_t(size) <= TRIMTAB_STB_LIMIT ? std::malloc(std::size_t(size)) : nullptr)
#define STBI_REALLOC(p, size) (std::size_t(size) <= TRIMTAB_STB_LIMIT ? std::realloc(p, std::size_t(size)) : nullptr)
#define STBI_FREE(p) std::free(p)
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>
#undef STB_IMAGE_IMPLEMENTATION
#undef STB_IMAGE_STATIC
#undef STBI_ONLY_JPEG
#undef STBI_ONLY_PNG
#undef STBI_MALLOC
#undef STBI_REALLOC
#undef STBI_FREE
#undef TRIMTAB_STB_LIMIT
