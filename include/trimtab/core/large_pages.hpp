#pragma once
/// \file
/// Memory for arrays of many megabytes that are read from end to end.

#include <cstddef>
#include <new>
#include <vector>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace trimtab {

/// An allocator that asks for pages of 2 MB. A core remembers where some 2000 pages are: 8 MB in pages of 4 KB. An array beyond
/// that waits for a look-up at each new page, which in a virtual machine is one of two tables. Linux gives large pages on request
/// where /sys/kernel/mm/transparent_hugepage/enabled says madvise. Arrays smaller than such a page begin at a cache line: a vector
/// of 64 bytes that lies across two takes twice as long to load.
template <class T>
struct LargePages {
  using value_type = T;    ///< what is allocated
  LargePages() = default;  ///< has no state
  /// The same for another type.
  template <class U>
  LargePages(const LargePages<U>&) {}

  /// Room for n objects of T.
  T* allocate(std::size_t n) {
    if (n * sizeof(T) < page) return static_cast<T*>(::operator new(n * sizeof(T), line));
    void* memory = ::operator new (n * sizeof(T), std::align_val_t{page});
#if defined(__linux__)
    static_cast<void>(madvise(memory, n * sizeof(T) / page * page, MADV_HUGEPAGE));  // the array works without, too
#endif
    return static_cast<T*>(memory);
  }
  /// Frees what allocate(n) gave.
  void deallocate(T* memory, std::size_t n) { ::operator delete (memory, n * sizeof(T) < page ? line : std::align_val_t{page}); }
  /// Any one frees what another gave.
  friend bool operator==(const LargePages&, const LargePages&) { return true; }

 private:
  static constexpr std::size_t page = std::size_t{1} << 21;
  static constexpr std::align_val_t line{64};
};

namespace detail {

/// Scratch of at least `size` numbers, which keeps its memory.
template <class Allocator>
float* grown(std::vector<float, Allocator>& scratch, std::size_t size) {
  if (scratch.size() < size) scratch.resize(size);
  return scratch.data();
}

}  // namespace detail

}  // namespace trimtab
