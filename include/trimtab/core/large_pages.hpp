#pragma once
/// \file
/// Memory for arrays of many megabytes that are read from end to end.

#include <cstddef>
#include <memory>
#include <new>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace trimtab {

/// An allocator that asks for pages of 2 MB. A core remembers where some 2000 pages are: 8 MB in pages of 4 KB. An array beyond
/// that waits for a look-up at each new page, which in a virtual machine is one of two tables. Linux gives large pages on request
/// where /sys/kernel/mm/transparent_hugepage/enabled says madvise. Elsewhere, and for arrays smaller than such a page, this is
/// std::allocator.
template <class T>
struct LargePages {
  using value_type = T;    ///< what is allocated
  LargePages() = default;  ///< has no state
  /// The same for another type.
  template <class U>
  LargePages(const LargePages<U>&) {}

  /// Room for n objects of T.
  T* allocate(std::size_t n) {
    if (n * sizeof(T) < page) return std::allocator<T>().allocate(n);
    void* memory = ::operator new (n * sizeof(T), std::align_val_t{page});
#if defined(__linux__)
    static_cast<void>(madvise(memory, n * sizeof(T) / page * page, MADV_HUGEPAGE));  // the array works without, too
#endif
    return static_cast<T*>(memory);
  }
  /// Frees what allocate(n) gave.
  void deallocate(T* memory, std::size_t n) {
    if (n * sizeof(T) < page) return std::allocator<T>().deallocate(memory, n);
    ::operator delete (memory, std::align_val_t{page});
  }
  /// Any one frees what another gave.
  friend bool operator==(const LargePages&, const LargePages&) { return true; }

 private:
  static constexpr std::size_t page = std::size_t{1} << 21;
};

}  // namespace trimtab
